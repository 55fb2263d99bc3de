import { describe, expect, it } from 'vitest';
import { planResponse, strongEtag } from '../../../edge/vision/pull/response-plan.js';

const expected = { haveBytes: 100, totalBytes: undefined, bytesMax: 1000 };

describe('the plan for a response', () => {
  it.each([
    ['a whole file', 200, { 'content-length': '500' }, {}, { kind: 'restart', totalBytes: 500 }],
    ['a whole file of unknown length', 200, {}, {}, { kind: 'restart', totalBytes: undefined }],
    ['a length that is no number', 200, { 'content-length': '5e2' }, {}, { kind: 'restart', totalBytes: undefined }],
    ['the largest file allowed', 200, { 'content-length': '1000' }, {}, { kind: 'restart', totalBytes: 1000 }],
    ['one byte more', 200, { 'content-length': '1001' }, {}, { kind: 'fail', code: 'refused' }],
    [
      'another length than known',
      200,
      { 'content-length': '500' },
      { totalBytes: 501 },
      { kind: 'fail', code: 'checksum-mismatch' },
    ],
    ['the part asked for', 206, { 'content-range': 'bytes 100-499/500' }, {}, { kind: 'append', totalBytes: 500 }],
    [
      'a part of an unknown whole',
      206,
      { 'content-range': 'bytes 100-499/*' },
      {},
      { kind: 'append', totalBytes: undefined },
    ],
    ['another part', 206, { 'content-range': 'bytes 99-499/500' }, {}, { kind: 'discard' }],
    ['a part without its place', 206, {}, {}, { kind: 'discard' }],
    [
      'a part of too large a file',
      206,
      { 'content-range': 'bytes 100-1999/2000' },
      {},
      { kind: 'fail', code: 'refused' },
    ],
    ['no more to come', 416, { 'content-range': 'bytes */100' }, {}, { kind: 'complete' }],
    ['no such part', 416, { 'content-range': 'bytes */50' }, {}, { kind: 'discard' }],
    ['no such part, no size', 416, {}, {}, { kind: 'discard' }],
    ['an empty file', 416, { 'content-range': 'bytes */0' }, { haveBytes: 0 }, { kind: 'discard' }],
    ['a busy server', 429, { 'retry-after': '7' }, {}, { kind: 'retry', afterMs: 7000 }],
    [
      'a busy server with a date',
      503,
      { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' },
      {},
      { kind: 'retry', afterMs: undefined },
    ],
    ['a broken server', 500, {}, {}, { kind: 'retry' }],
    ['no such file', 404, {}, {}, { kind: 'fail', code: 'not-found' }],
    ['no right', 403, {}, {}, { kind: 'fail', code: 'refused' }],
    ['a redirect without a place', 302, {}, {}, { kind: 'fail', code: 'refused' }],
  ])('with %s', (_, status, headers, more, plan) => {
    expect(planResponse({ status, headers }, { ...expected, ...more })).toMatchObject(plan);
  });

  it.each([
    ['"a"', '"a"'],
    ['""', '""'],
    ['W/"a"', undefined],
    ['a', undefined],
    ['"a" "b"', undefined],
    [undefined, undefined],
  ])('uses the entity tag %o as %o', (etag, used) => {
    expect(strongEtag({ status: 200, headers: etag === undefined ? {} : { etag } })).toBe(used);
  });
});
