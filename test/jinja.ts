import { execFileSync } from 'node:child_process';

// What Home Assistant makes of a message and of a press: `value`, `value_json` where it is JSON, and `now`.
const PROGRAM = `
import datetime, json, sys, jinja2
env = jinja2.Environment()
answers = []
for question in json.load(sys.stdin):
    names = {"value": question["value"], "now": lambda: datetime.datetime.fromtimestamp(question["nowMs"] / 1000)}
    try:
        names["value_json"] = json.loads(question["value"])
    except ValueError:
        pass
    answers.append(env.from_string(question["template"]).render(**names))
json.dump(answers, sys.stdout)
`;

export type Question = { readonly template: string; readonly value: string; readonly nowMs?: number };

/** What templates of Home Assistant come to, by the engine it uses itself: Jinja2. */
export function renderJinja(questions: readonly Question[]): string[] {
  const input = JSON.stringify(questions.map((question) => ({ nowMs: Date.now(), ...question })));
  const answers: unknown = JSON.parse(execFileSync('python3', ['-c', PROGRAM], { input, encoding: 'utf8' }));
  if (!Array.isArray(answers)) throw new Error('no list of answers');
  return answers.map(String);
}
