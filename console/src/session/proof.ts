// What a stolen session must not do needs a sign-in a short time ago. Where the API asks for one (401, `stale`), the page asks for the
// password once, whatever waits for it, and what was asked is asked again.
import { signal } from '@preact/signals';

export const wanted = signal<{ proved: () => void; refused: () => void } | undefined>(undefined);

let proof: Promise<void> | undefined;

/** prove waits until the user has signed in again; it fails with the API's refusal when they would not. */
export function prove(refusal: unknown): Promise<void> {
  proof ??= new Promise<void>((proved, fail) => {
    wanted.value = { proved, refused: () => fail(refusal) };
  }).finally(() => {
    wanted.value = undefined;
    proof = undefined;
  });
  return proof;
}
