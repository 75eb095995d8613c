// The design system on one page: every token and component in every state, to look at in both colour schemes.
import { useSignal } from '@preact/signals';
import { ApiError, Offline } from '../../api/error';
import { Difference } from '../../drift/difference';
import { SeverityBadge, StatusPill } from '../../ui/badge';
import { Button, CopyButton } from '../../ui/button';
import { Field, Select } from '../../ui/field';
import { Code, Empty, ErrorBox, Skeleton } from '../../ui/state';
import { toast } from '../../ui/toast';

const colours = ['bg', 'bg-soft', 'bg-raised', 'line', 'line-strong', 'text', 'text-soft', 'accent', 'critical', 'warning', 'info', 'ok'];

export function Design() {
  const text = useSignal('aws_instance.web');
  const choice = useSignal('a');
  return (
    <div class="design">
      <h1>Design</h1>
      <h2>Colours</h2>
      <div class="swatches">
        {colours.map((name) => (
          <div key={name} class="swatch">
            <span class={`swatch-colour swatch-${name}`} />
            <code>{name}</code>
          </div>
        ))}
      </div>
      <h2>Words</h2>
      <p class="design-row">
        <SeverityBadge severity="critical" /> <SeverityBadge severity="warning" /> <SeverityBadge severity="info" />
      </p>
      <p class="design-row">
        {['detected', 'triaged', 'approved', 'rejected', 'resolved', 'ok', 'drifted', 'failed', 'stale'].map((s) => (
          <StatusPill key={s} status={s} />
        ))}
      </p>
      <h2>Buttons</h2>
      <p class="design-row">
        <Button kind="primary" icon="check" hint="a">
          Approve
        </Button>
        <Button kind="danger" icon="cross" hint="r">
          Reject
        </Button>
        <Button icon="eye">Triage</Button>
        <Button kind="quiet">Quiet</Button>
        <Button disabled>Disabled</Button>
        <Button busy>Busy</Button>
        <Button small>Small</Button>
        <Button kind="quiet" icon="bell" label="With a sign alone" />
        <CopyButton text="text" />
      </p>
      <h2>Fields</h2>
      <Field label="Name" value={text.value} hint="What it is for." onInput={(v) => (text.value = v)} />
      <Field label="Reason" lines={2} value={text.value} error="At least 10 characters." onInput={(v) => (text.value = v)} />
      <Select label="Order" value={choice.value} options={[['a', 'Newest'], ['b', 'Oldest']]} onChange={(v) => (choice.value = v)} />
      <h2>Difference</h2>
      <div class="card">
        <Difference
          drift={{
            difference: {
              instance_type: { expected: 't3.micro', actual: 'm5.4xlarge' },
              'ingress["ssh"].cidr_blocks["0.0.0.0/0"]': { expected: null, actual: '0.0.0.0/0' },
              'tags.Team': { expected: 'platform', actual: null },
              password: { expected: '[redacted]', actual: '[redacted]' },
              'subnets["a"]': { expected: ['a', 'b'], actual: ['b', 'a'], order: true },
              description: { expected: 'שלום', actual: 'שלום עולם' },
              policy: { expected: { Version: '2012', Statement: [{ Effect: 'Deny' }] }, actual: { Version: '2012', Statement: [{ Effect: 'Allow' }] } },
            },
          }}
        />
      </div>
      <h2>States</h2>
      <ErrorBox error={new ApiError(409, 'CONFLICT', 'the drift was decided already', '4bf92f3577b34da6a3ce929d0e0e4736')} />
      <ErrorBox error={new Offline()} retry={() => undefined} />
      <Empty title="Nothing to decide">
        <p class="muted">New drift appears here by itself.</p>
      </Empty>
      <Skeleton rows={3} />
      <Code label="A command" text="driftsentry run -- terraform" />
      <p class="design-row">
        <Button onClick={() => toast('Approved.')}>Say something</Button>
        <Button onClick={() => toast('Someone was faster.', true)}>Say what went wrong</Button>
      </p>
    </div>
  );
}
