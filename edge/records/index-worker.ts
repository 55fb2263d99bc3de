import { parentPort, workerData } from 'node:worker_threads';
import type { IndexReply, IndexRequest } from './index-message.js';
import { IndexStore } from './index-store.js';

/*
 * The thread NeDB lives in: inserting and searching stall its event loop for tens of milliseconds, which the thread with
 * the MQTT link cannot have.
 */
const data: { readonly documentsMax: number } = workerData;
const store = new IndexStore(data.documentsMax);

async function perform(request: IndexRequest): Promise<IndexReply> {
  const documents = request.kind === 'find' ? await store.find(request.query) : [];
  if (request.kind === 'insert') await store.insert(request.documents);
  return { id: request.id, documents, sinceMs: store.sinceMs, size: store.size };
}

await store.open();
parentPort?.on('message', async (request: IndexRequest) => {
  try {
    parentPort?.postMessage(await perform(request));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    parentPort?.postMessage({ id: request.id, documents: [], sinceMs: store.sinceMs, size: store.size, error: text });
  }
});
