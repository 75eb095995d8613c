// Fails on everything that the parser of AsyncAPI has to say about the document.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const file = process.argv[2];
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
// The format is of 3.0 on purpose: more tools read it than 3.1.
const problems = diagnostics.filter((d) => d.code !== 'asyncapi-latest-version');
for (const d of problems) {
  console.error(`${file}: ${d.path.join('/')}: ${d.message} (${d.code})`);
}
if (!document || problems.length > 0) {
  process.exit(1);
}
console.log(`${document.messages().all().length} messages`);
