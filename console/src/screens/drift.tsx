import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { get } from '../api/client';
import { ApiError } from '../api/error';
import type { DriftDetail, TimelineEntry } from '../api/types';
import { DecisionDialog, decide, refusal, words, type Action, type Outcome } from '../drift/decide';
import { Difference } from '../drift/difference';
import { text } from '../drift/value';
import { why } from '../drift/why';
import { navigate } from '../router';
import { mayDecide } from '../session/me';
import { TraceLink } from '../trace/link';
import { Comment, OwnerDialog } from '../drift/notes';
import { Address } from '../ui/address';
import { SeverityBadge, StatusPill } from '../ui/badge';
import { Button, CopyButton } from '../ui/button';
import { Icon, type IconName } from '../ui/icon';
import { useKeys } from '../ui/keys';
import { safeURL } from '../ui/link';
import { useResource } from '../ui/resource';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { Time, exactTime } from '../ui/time';
import { toast } from '../ui/toast';
import { subject } from '../title';
import { inbox, visit } from './walk';

interface Loaded {
  drift: DriftDetail;
  timeline: TimelineEntry[];
}

export function DriftScreen({ id }: { id: string }) {
  const { data, error, reload } = useResource<Loaded>(
    `drift ${id}`,
    async (signal) => {
      const [drift, timeline] = await Promise.all([get<DriftDetail>(`/drifts/${id}`, signal), get<TimelineEntry[]>(`/drifts/${id}/timeline`, signal)]);
      return { drift, timeline };
    },
    ['drift.'],
  );
  const dialog = useSignal<Action | undefined>(undefined);
  const owner = useSignal(false);
  const comment = useRef<HTMLTextAreaElement>(null);
  const drift = data.value?.drift;
  const may: Record<Action, boolean> = {
    triage: drift?.canTriage === true,
    approve: drift?.canApprove === true,
    reject: drift?.canReject === true,
    resolve: drift?.canResolve === true,
    reopen: drift?.canReopen === true,
  };
  const ask = (action: Action) => {
    if (drift === undefined || !may[action]) {
      return;
    }
    if (action !== 'triage') {
      dialog.value = action;
      return;
    }
    decide('triage', drift).then(
      () => {
        toast('Triaged.');
        reload();
      },
      (e: unknown) => toast(refusal(e), true),
    );
  };
  const done = (action: Action, outcomes: Outcome[]) => {
    dialog.value = undefined;
    const failed = outcomes.find((o) => o.error !== undefined);
    toast(failed === undefined ? `${words[action].done}.` : refusal(failed.error), failed !== undefined);
    reload();
  };
  const { place, of, before, after } = visit(id);
  const go = (to: string | undefined) => to !== undefined && navigate(`/drifts/${to}`);
  useEffect(() => {
    subject.value = drift?.resourceId ?? 'Drift';
  }, [drift?.resourceId]);
  useKeys({ j: () => go(after), k: () => go(before), a: () => ask('approve'), r: () => ask('reject'), t: () => ask('triage'), e: () => ask('resolve'), z: () => ask('reopen'), c: () => comment.current?.focus(), u: () => navigate(inbox), Escape: () => navigate(inbox) });

  if (error.value !== undefined && drift === undefined) {
    return error.value instanceof ApiError && (error.value.status === 404 || error.value.status === 400) ? (
      <Empty whole icon="search" title="There is no such drift">
        <a href="/inbox">Back to the inbox</a>
      </Empty>
    ) : (
      <ErrorBox error={error.value} retry={reload} />
    );
  }
  if (drift === undefined) {
    return <Skeleton rows={6} />;
  }
  const reason = why(drift);
  return (
    <article class="page drift" aria-label={`Drift of ${drift.resourceId}`}>
      <header class="drift-head">
        <div class="drift-way">
          <a class="back" href={inbox}>
            <Icon name="left" /> Inbox
          </a>
          {place > 0 && (
            <span class="muted drift-walk">
              {place} of {of}
              <Button kind="quiet" small disabled={before === undefined} label="The drift before (k)" icon="up" onClick={() => go(before)} />
              <Button kind="quiet" small disabled={after === undefined} label="The next drift (j)" icon="chevron" onClick={() => go(after)} />
            </span>
          )}
        </div>
        <div class="drift-title">
          <h1>
            <Address text={drift.resourceId} />
          </h1>
          <CopyButton text={drift.resourceId} label="Copy the address" />
        </div>
        <p class="drift-facts">
          <SeverityBadge severity={drift.severity} />
          <StatusPill status={drift.status} />
          <a href={`/workspaces/${encodeURIComponent(drift.workspace)}`}>
            <bdi>{drift.workspace}</bdi>
          </a>
          <span class="muted">
            found <Time at={drift.detectedAt} suffix />
          </span>
          {reason !== undefined && <span class={`why why-${drift.severity}`}>{reason}</span>}
        </p>
        <div class="actions">
          {may.approve && (
            <Button kind="primary" icon="check" hint="a" onClick={() => ask('approve')}>
              Approve
            </Button>
          )}
          {may.reject && (
            <Button kind="danger" icon="cross" hint="r" onClick={() => ask('reject')}>
              Reject
            </Button>
          )}
          {may.triage && (
            <Button icon="eye" hint="t" onClick={() => ask('triage')}>
              Triage
            </Button>
          )}
          {may.resolve && (
            <Button icon="tool" hint="e" onClick={() => ask('resolve')}>
              Resolve
            </Button>
          )}
          {may.reopen && (
            <Button icon="back" hint="z" onClick={() => ask('reopen')}>
              Reopen
            </Button>
          )}
          {!mayDecide.value && drift.status !== 'resolved' && <span class="muted">You may look. Engineers and admins decide.</span>}
        </div>
      </header>
      {error.value !== undefined && <ErrorBox error={error.value} retry={reload} />}
      <div class="columns">
        <div class="column-main">
          <Verdict drift={drift} />
          <Ignored drift={drift} />
          <section class="card" aria-labelledby="difference">
            <header class="card-head">
              <h2 id="difference">Difference</h2>
              <span class="legend">
                <span class="legend-gone">− code says</span>
                <span class="legend-new">+ is there</span>
              </span>
            </header>
            <Difference drift={drift} />
            <details class="states">
              <summary>Both states, whole</summary>
              <div class="states-both">
                <State title="Expected" state={drift.expectedState} none="It should not exist." />
                <State title="Actual" state={drift.actualState} none="It does not exist." />
              </div>
              {drift.statesTruncated === true && <p class="diff-note">The states are cut: they are too large to show whole.</p>}
            </details>
          </section>
          <Timeline entries={data.value!.timeline}>{mayDecide.value && <Comment id={id} inputRef={comment} onDone={reload} />}</Timeline>
        </div>
        <Facts drift={drift} onOwner={() => (owner.value = true)} />
      </div>
      {owner.value && (
        <OwnerDialog
          drift={drift}
          onClose={() => (owner.value = false)}
          onDone={() => {
            owner.value = false;
            reload();
          }}
        />
      )}
      {dialog.value !== undefined && <DecisionDialog action={dialog.value} drifts={[drift]} onClose={() => (dialog.value = undefined)} onDone={(o) => done(dialog.value!, o)} />}
    </article>
  );
}

/** What was decided, by whom and why. */
function Verdict({ drift }: { drift: DriftDetail }) {
  const approved = drift.status === 'approved';
  if (approved || drift.status === 'rejected') {
    const by = approved ? drift.approvedBy : drift.rejectedBy;
    const at = approved ? drift.approvedAt : drift.rejectedAt;
    const reason = approved ? drift.approvalReason : drift.rejectionReason;
    return (
      <section class={`verdict verdict-${drift.status}`} aria-label="Decision">
        <p>
          <Icon name={approved ? 'check' : 'cross'} /> <strong>{approved ? 'Approved' : 'Rejected'}</strong> by <bdi>{by}</bdi> {at !== null && <Time at={at} suffix />}
          {approved && drift.approvedUntil !== null && drift.approvedUntil !== undefined && (
            <span class="muted">
              until <time dateTime={drift.approvedUntil}>{exactTime(drift.approvedUntil)}</time>
            </span>
          )}
        </p>
        {reason !== null && (
          <blockquote dir="auto" class="reason">
            {reason}
          </blockquote>
        )}
      </section>
    );
  }
  if (drift.status !== 'resolved') {
    return null;
  }
  return (
    <section class="verdict verdict-resolved" aria-label="Outcome">
      <p>
        <Icon name="check" /> <strong>Resolved</strong> {drift.resolvedHow !== null && `(${drift.resolvedHow})`} {drift.resolvedAt !== null && <Time at={drift.resolvedAt} suffix />}
        {drift.successorId !== null && (
          <>
            {' '}
            It came back: <a href={`/drifts/${drift.successorId}`}>see the new drift</a>.
          </>
        )}
      </p>
    </section>
  );
}

/** Which rule hides it, why and for how long. */
function Ignored({ drift: { suppressed: s } }: { drift: DriftDetail }) {
  return s == null ? null : (
    <section class="verdict verdict-ignored" aria-label="Ignored">
      <p>
        <Icon name="eye" /> <strong>Ignored</strong> by <a href={`/settings/rules/${s.rule}`}>a rule</a>
        {s.until !== null && (
          <span class="muted">
            {' '}
            until <time dateTime={s.until}>{exactTime(s.until)}</time>
          </span>
        )}
      </p>
      {s.reason !== null && (
        <blockquote dir="auto" class="reason">
          {s.reason}
        </blockquote>
      )}
    </section>
  );
}

function State({ title, state, none }: { title: string; state: unknown; none: string }) {
  return (
    <section>
      <h3>{title}</h3>
      {state === null || state === undefined ? (
        <p class="muted">{none}</p>
      ) : (
        <pre tabIndex={0} aria-label={`${title} state`}>
          {text(state)}
        </pre>
      )}
    </section>
  );
}

const icons: Record<string, IconName> = {
  'drift.created': 'plus',
  'drift.approved': 'check',
  'drift.rejected': 'cross',
  'drift.resolved': 'tool',
  'drift.triaged': 'eye',
  'drift.reopened': 'back',
  'drift.commented': 'comment',
  'drift.assigned': 'person',
};

function Timeline({ entries, children }: { entries: TimelineEntry[]; children: ComponentChildren }) {
  return (
    <section class="card" aria-labelledby="timeline">
      <header class="card-head">
        <h2 id="timeline">Timeline</h2>
      </header>
      <ol class="timeline">
        {entries.map((entry) => (
          <li key={entry.id}>
            <span class={`timeline-icon timeline-${entry.action.replace('.', '-')}`}>
              <Icon name={icons[entry.action] ?? 'clock'} />
            </span>
            <div class="timeline-body">
              <p>
                <strong>{actionWord(entry.action)}</strong>{' '}
                <span class="muted">
                  by <bdi>{entry.actorEmail ?? (entry.actorRole === 'api_key' ? 'CI' : 'the system')}</bdi> <Time at={entry.timestamp} suffix />
                </span>
                {entry.traceId !== null && <TraceLink id={entry.traceId} />}
              </p>
              {entry.message !== '' && (
                <p class="reason" dir="auto">
                  {entry.message}
                </p>
              )}
            </div>
          </li>
        ))}
      </ol>
      {children}
    </section>
  );
}

function actionWord(action: string): string {
  const word = action.split('.')[1]?.replaceAll('_', ' ') ?? action;
  return word === 'created' ? 'Found' : word.charAt(0).toUpperCase() + word.slice(1);
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Facts({ drift, onOwner }: { drift: DriftDetail; onOwner: () => void }) {
  const run = drift.runUrl === null ? undefined : safeURL(drift.runUrl);
  return (
    <aside class="facts card" aria-label="Facts">
      <dl>
        {(drift.owner != null || mayDecide.value) && (
          <Fact name="Owner">
            {drift.owner == null ? (
              <span class="muted">none</span>
            ) : (
              <a href={`/inbox?owner=${encodeURIComponent(drift.owner)}`}>
                <bdi>{drift.owner}</bdi>
              </a>
            )}{' '}
            {mayDecide.value && (
              <Button small kind="quiet" onClick={onOwner} label="Change the owner">
                Change
              </Button>
            )}
          </Fact>
        )}
        {drift.severityRule != null && (
          <Fact name="Severity">
            <span class="in-text">
              by <a href={`/settings/rules/${drift.severityRule}`}>a rule</a>
              {drift.defaultSeverity != null && `, else ${drift.defaultSeverity}`}
            </span>
          </Fact>
        )}
        {drift.attribution !== null && (
          <Fact name="Changed by">
            <bdi>{drift.attribution.changedBy}</bdi> <Time at={drift.attribution.changedAt} suffix />, says <bdi>{drift.attribution.source}</bdi>
          </Fact>
        )}
        <Fact name="Type">
          <a href={`/inbox?type=${encodeURIComponent(drift.resourceType)}`}>
            <bdi>{drift.resourceType}</bdi>
          </a>
        </Fact>
        {drift.region !== '' && (
          <Fact name="Region">
            <bdi>{drift.region}</bdi>
          </Fact>
        )}
        {drift.provider !== '' && (
          <Fact name="Provider">
            <bdi>{drift.provider}</bdi>
          </Fact>
        )}
        <Fact name="Origin">{{ drift: 'Changed behind the code', change: 'Code not applied', manual: 'Reported' }[drift.origin]}</Fact>
        {drift.plannedAction !== null && <Fact name="The plan would">{drift.plannedAction === 'no-op' ? 'do nothing' : `${drift.plannedAction} it`}</Fact>}
        {drift.costImpactMonthly !== 0 && <Fact name="Cost">{cost(drift.costImpactMonthly)}</Fact>}
        <Fact name="First seen">
          <Time at={drift.firstSeenAt} suffix />
        </Fact>
        <Fact name="Last seen">
          <Time at={drift.lastSeenAt} suffix />, in {drift.occurrences} {drift.occurrences === 1 ? 'check' : 'checks'}
        </Fact>
        {drift.checkId !== undefined && drift.checkId !== null && (
          <Fact name="Check">
            <a href={`/checks/${drift.checkId}`}>The last one with it</a>
          </Fact>
        )}
        {run !== undefined && (
          <Fact name="Run">
            <a href={run} target="_blank" rel="noopener noreferrer">
              In CI <Icon name="out" />
            </a>
          </Fact>
        )}
        {drift.ref !== null && (
          <Fact name="Ref">
            <bdi class="mono">{drift.ref}</bdi>
          </Fact>
        )}
        {drift.commit !== null && (
          <Fact name="Commit">
            <bdi class="mono">{drift.commit.slice(0, 10)}</bdi>
          </Fact>
        )}
        {drift.triggeredBy !== null && (
          <Fact name="Started by">
            <bdi>{drift.triggeredBy}</bdi>
          </Fact>
        )}
        {mayDecide.value && drift.suppressed == null && drift.status !== 'resolved' && (
          <Fact name="Noise?">
            <a href={ruleAddress(drift)}>Write a rule</a>
          </Fact>
        )}
        {drift.alertCount > 0 && (
          <Fact name="Alerts">
            <a href={`/alerts?driftId=${drift.id}`}>{drift.alertCount}</a>
          </Fact>
        )}
        {drift.previousId !== null && (
          <Fact name="Before">
            <a href={`/drifts/${drift.previousId}`}>It drifted earlier</a>
          </Fact>
        )}
      </dl>
    </aside>
  );
}

// ruleAddress begins a rule about what differs here, wherever it does.
function ruleAddress(drift: DriftDetail): string {
  const paths = Object.keys(drift.difference).filter((p) => p.length <= 256);
  return `/settings/rules/new?${new URLSearchParams([['type', drift.resourceType], ...paths.slice(0, 20).map((p) => ['path', p])]).toString()}`;
}

export function cost(amount: number): string {
  return `${amount > 0 ? '+' : ''}${amount.toLocaleString('en', { maximumFractionDigits: 2 })} a month`;
}
