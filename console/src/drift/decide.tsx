// Deciding about one drift or several: the dialog, and the requests behind it.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { post } from '../api/client';
import { messageOf, ApiError } from '../api/error';
import type { Drift } from '../api/types';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field, Select } from '../ui/field';
import { ErrorBox } from '../ui/state';

export type Action = 'approve' | 'reject' | 'triage' | 'resolve';

type Decided = Pick<Drift, 'id' | 'version' | 'resourceId' | 'status'>;

export const words: Record<Action, { verb: string; done: string; hint: string; kind: 'primary' | 'danger' | 'plain' }> = {
  approve: { verb: 'Approve', done: 'Approved', hint: 'The drift is accepted: what is there may stay.', kind: 'primary' },
  reject: { verb: 'Reject', done: 'Rejected', hint: 'The drift must be reverted: the code is right.', kind: 'danger' },
  triage: { verb: 'Triage', done: 'Triaged', hint: 'Someone has looked at it; it still waits for a decision.', kind: 'plain' },
  resolve: { verb: 'Resolve', done: 'Resolved', hint: 'It is over, whatever plans say.', kind: 'plain' },
};

/** allowed says whether a status lets an action happen; the API has the last word. */
export function allowed(action: Action, status: Drift['status']): boolean {
  switch (action) {
    case 'triage':
      return status === 'detected';
    case 'approve':
    case 'reject':
      return status === 'detected' || status === 'triaged';
    case 'resolve':
      return status !== 'resolved';
  }
}

export async function decide(action: Action, drift: Decided, more: { reason?: string; resolvedHow?: string } = {}): Promise<Drift> {
  return post<Drift>(`/drifts/${drift.id}/${action}`, { version: drift.version, ...more });
}

export interface Outcome {
  drift: Decided;
  result?: Drift;
  error?: unknown;
}

/** decideAll decides several, a few at a time, and tells what became of each. */
export async function decideAll(action: Action, drifts: Decided[], more: { reason?: string; resolvedHow?: string }, each: (done: number) => void): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const left = [...drifts];
  const worker = async () => {
    for (let drift = left.shift(); drift !== undefined; drift = left.shift()) {
      try {
        outcomes.push({ drift, result: await decide(action, drift, more) });
      } catch (error) {
        outcomes.push({ drift, error });
      }
      each(outcomes.length);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return outcomes;
}

/** refusal is why a decision failed, in words for those who decide. */
export function refusal(e: unknown): string {
  return e instanceof ApiError && e.status === 409 ? 'Someone was faster, or a plan changed it. Look again.' : messageOf(e);
}

const minimum = 10;

interface Props {
  action: Action;
  drifts: Decided[];
  onDone: (outcomes: Outcome[]) => void;
  onClose: () => void;
}

export function DecisionDialog({ action, drifts, onDone, onClose }: Props) {
  const reason = useSignal('');
  const how = useSignal('manual-fix');
  const tooShort = useSignal(false);
  const done = useSignal<number | undefined>(undefined);
  const failed = useSignal<Outcome | undefined>(undefined);
  const input = useRef<HTMLTextAreaElement>(null);
  const word = words[action];
  const needsReason = action === 'approve' || action === 'reject';
  useEffect(() => input.current?.focus(), []);

  const submit = async () => {
    if (done.value !== undefined) {
      return;
    }
    if (needsReason && reason.value.trim().length < minimum) {
      tooShort.value = true;
      input.current?.focus();
      return;
    }
    failed.value = undefined;
    done.value = 0;
    const more = needsReason ? { reason: reason.value.trim() } : action === 'resolve' ? { resolvedHow: how.value } : {};
    const outcomes = await decideAll(action, drifts, more, (n) => (done.value = n));
    done.value = undefined;
    const only = outcomes.length === 1 ? outcomes[0] : undefined;
    if (only?.error !== undefined && !(only.error instanceof ApiError && only.error.status === 409)) {
      failed.value = only; // What was typed stays.
      return;
    }
    onDone(outcomes);
  };

  const one = drifts.length === 1 ? drifts[0] : undefined;
  return (
    <Dialog title={one === undefined ? `${word.verb} ${drifts.length} drifts` : `${word.verb} this drift`} onClose={onClose}>
      <form
        class="decision"
        onSubmit={(e) => {
          e.preventDefault();
          void submit();
        }}
      >
        {one !== undefined && (
          <p class="decision-what">
            <code dir="auto">{one.resourceId}</code>
          </p>
        )}
        <p class="muted">{word.hint}</p>
        {needsReason && (
          <Field
            label="Reason"
            lines={3}
            value={reason.value}
            maxLength={1000}
            inputRef={input}
            error={tooShort.value && reason.value.trim().length < minimum ? `At least ${minimum} characters: others read it later.` : undefined}
            hint="Everyone sees it in the timeline and in the audit trail."
            onInput={(v) => (reason.value = v)}
            onKeyDown={(e) => {
              if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
                e.preventDefault();
                void submit();
              }
            }}
          />
        )}
        {action === 'resolve' && (
          <Select
            label="How it was resolved"
            value={how.value}
            onChange={(v) => (how.value = v)}
            options={[
              ['manual-fix', 'Fixed by hand'],
              ['auto-remediate', 'Fixed by automation'],
              ['acknowledged', 'Acknowledged, nothing to fix'],
            ]}
          />
        )}
        {failed.value !== undefined && <ErrorBox error={failed.value.error} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind={word.kind === 'plain' ? 'primary' : word.kind} busy={done.value !== undefined} hint={needsReason ? 'Ctrl ↵' : '↵'}>
            {done.value !== undefined && drifts.length > 1 ? `${done.value} of ${drifts.length}` : word.verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
