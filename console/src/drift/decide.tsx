// Deciding about one drift, several, or a group: the dialog, and the requests behind it.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { post } from '../api/client';
import { messageOf, ApiError } from '../api/error';
import type { Data, Drift, Schemas } from '../api/types';
import { act } from '../telemetry/context';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field, Select } from '../ui/field';
import { ErrorBox } from '../ui/state';

export type Action = 'approve' | 'reject' | 'triage' | 'resolve' | 'reopen';

type Decided = Pick<Drift, 'id' | 'version' | 'resourceId' | 'status'>;

/** What is known of a drift after a decision: all, or what a decision about many tells. */
export type Result = Pick<Drift, 'id' | 'version' | 'status'> & Partial<Drift>;

export const words: Record<Action, { verb: string; done: string; hint: string; kind: 'primary' | 'danger' | 'plain' }> = {
  approve: { verb: 'Approve', done: 'Approved', hint: 'The drift is accepted: what is there may stay.', kind: 'primary' },
  reject: { verb: 'Reject', done: 'Rejected', hint: 'The drift must be reverted: the code is right.', kind: 'danger' },
  triage: { verb: 'Triage', done: 'Triaged', hint: 'Someone has looked at it; it still waits for a decision.', kind: 'plain' },
  resolve: { verb: 'Resolve', done: 'Resolved', hint: 'It is over, whatever plans say.', kind: 'plain' },
  reopen: { verb: 'Reopen', done: 'Reopened', hint: 'The decision is taken back: it waits for another one.', kind: 'plain' },
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
    case 'reopen':
      return status === 'approved' || status === 'rejected';
  }
}

export interface More {
  reason?: string;
  resolvedHow?: string;
  until?: string;
}

export async function decide(action: Action, drift: Decided, more: More = {}): Promise<Drift> {
  return act(action, () => post<Drift>(`/drifts/${drift.id}/${action}`, { version: drift.version, ...more }));
}

export interface Outcome {
  drift: Decided;
  result?: Result;
  error?: unknown;
}

const most = 500; // drifts that one request decides about

/** decideAll decides about several, in one transaction for each 500, and tells what became of each. */
async function decideAll(action: Action, drifts: Decided[], more: More): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let i = 0; i < drifts.length; i += most) {
    const part = drifts.slice(i, i + most);
    try {
      const { results } = await act(action, () =>
        post<Data<'decideDrifts'>>('/drifts/bulk', {
          action,
          ...more,
          ids: part.map((d) => d.id),
          versions: Object.fromEntries(part.map((d) => [d.id, d.version])),
        }),
      );
      const byId = new Map(results.map((r) => [r.id, r]));
      for (const drift of part) {
        const r = byId.get(drift.id);
        if (r?.decided === true && r.status !== null && r.version !== null) {
          outcomes.push({ drift, result: { id: drift.id, status: r.status, version: r.version } });
        } else {
          outcomes.push({ drift, error: new Error(r?.error?.message ?? 'The server did not decide about it.') });
        }
      }
    } catch (error) {
      outcomes.push(...part.map((drift) => ({ drift, error })));
    }
  }
  return outcomes;
}

/** Group is all drifts that differ alike. */
export interface Group {
  type: string;
  /** How many were seen with the filter. */
  count: number;
  filter: Schemas['DriftFilter'];
}

async function decideGroup(action: Action, group: Group, more: More): Promise<number> {
  const done = await act(action, () => post<Data<'decideDrifts'>>('/drifts/bulk', { action, ...more, filter: group.filter, expectedCount: group.count }));
  return done.decided;
}

/** refusal is why a decision failed, in words for those who decide. */
export function refusal(e: unknown): string {
  return e instanceof ApiError && e.status === 409 ? 'Someone was faster, or a plan changed it. Look again.' : messageOf(e);
}

const minimum = 10;

const ends: [days: string, text: string][] = [
  ['', 'As long as nothing else changes'],
  ['1', 'A day'],
  ['7', 'A week'],
  ['30', '30 days'],
  ['90', '90 days'],
  ['date', 'Until a day of your choice'],
];

/** endOf is when an approval, or a rule, ends: so many days from now, or at the end of a day. */
export function endOf(choice: string, day: string): string | undefined {
  if (choice === 'date') {
    return day === '' ? undefined : new Date(`${day}T23:59:59`).toISOString();
  }
  return choice === '' ? undefined : new Date(Date.now() + Number(choice) * 86_400_000).toISOString();
}

interface Props {
  action: Action;
  drifts: Decided[];
  onDone: (outcomes: Outcome[]) => void;
  onClose: () => void;
}

/** DecisionDialog is about drifts that were looked at. */
export function DecisionDialog({ action, drifts, onDone, onClose }: Props) {
  const one = drifts.length === 1 ? drifts[0] : undefined;
  const send = async (more: More) => {
    if (one === undefined) {
      onDone(await decideAll(action, drifts, more));
      return;
    }
    try {
      onDone([{ drift: one, result: await decide(action, one, more) }]);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) {
        throw error; // What was typed stays.
      }
      onDone([{ drift: one, error }]);
    }
  };
  const word = words[action];
  return (
    <Decision action={action} title={one === undefined ? `${word.verb} ${drifts.length} drifts` : `${word.verb} this drift`} what={one?.resourceId} send={send} onClose={onClose} />
  );
}

/** GroupDialog is about all drifts of a group, those too that no one has looked at. */
export function GroupDialog({ action, group, onDone, onClose }: { action: Action; group: Group; onDone: (decided: number) => void; onClose: () => void }) {
  return (
    <Decision
      action={action}
      title={group.count === 1 ? `${words[action].verb} one drift` : `${words[action].verb} all ${group.count} drifts`}
      what={group.type}
      send={async (more) => onDone(await decideGroup(action, group, more))}
      onClose={onClose}
    />
  );
}

interface DecisionProps {
  action: Action;
  title: string;
  what: string | undefined;
  send: (more: More) => Promise<void>;
  onClose: () => void;
}

function Decision({ action, title, what, send, onClose }: DecisionProps) {
  const reason = useSignal('');
  const how = useSignal('manual-fix');
  const end = useSignal('');
  const day = useSignal('');
  const refused = useSignal(false);
  const busy = useSignal(false);
  const error = useSignal<unknown>(undefined);
  const input = useRef<HTMLTextAreaElement>(null);
  const word = words[action];
  const needsReason = action !== 'triage' && action !== 'resolve';
  useEffect(() => input.current?.focus(), []);
  const tooShort = needsReason && reason.value.trim().length < minimum;
  const noDay = action === 'approve' && end.value === 'date' && day.value === '';

  const submit = async () => {
    if (busy.value) {
      return;
    }
    refused.value = tooShort || noDay;
    if (refused.value) {
      if (tooShort) {
        input.current?.focus();
      }
      return;
    }
    error.value = undefined;
    busy.value = true;
    const until = action === 'approve' ? endOf(end.value, day.value) : undefined;
    try {
      await send({ ...(needsReason ? { reason: reason.value.trim() } : {}), ...(action === 'resolve' ? { resolvedHow: how.value } : {}), ...(until === undefined ? {} : { until }) });
    } catch (e) {
      error.value = e;
    }
    busy.value = false;
  };

  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="decision"
        onSubmit={(e) => {
          e.preventDefault();
          void submit();
        }}
      >
        {what !== undefined && (
          <p class="decision-what">
            <code dir="auto">{what}</code>
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
            error={refused.value && tooShort ? `At least ${minimum} characters: others read it later.` : undefined}
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
        {action === 'approve' && <Select label="For how long" value={end.value} options={ends} onChange={(v) => (end.value = v)} />}
        {action === 'approve' && end.value === 'date' && (
          <Field
            label="It ends after"
            type="date"
            value={day.value}
            error={refused.value && noDay ? 'Choose a day.' : undefined}
            hint="Then it waits for a decision again."
            onInput={(v) => (day.value = v)}
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
        {error.value !== undefined && <ErrorBox error={error.value} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind={word.kind === 'plain' ? 'primary' : word.kind} busy={busy.value} hint={needsReason ? 'Ctrl ↵' : '↵'}>
            {word.verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
