// The filters of the inbox. They are the address, so that a list can be sent to a colleague.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { setParameters } from '../router';
import { Button } from '../ui/button';
import { Select } from '../ui/field';
import { Icon } from '../ui/icon';
import type { Filter, View } from './inbox-state';
import { workspaces } from './workspaces-state';

const views: [View, string][] = [
  ['undecided', 'To decide'],
  ['decided', 'Decided'],
  ['resolved', 'Resolved'],
  ['all', 'All'],
  ['ignored', 'Ignored'],
];

interface Props {
  filter: Filter;
  count: number | undefined;
  search: { current: HTMLInputElement | null };
  grouped: boolean;
}

export function Bar({ filter, count, search, grouped }: Props) {
  return (
    <header class="bar">
      <h1 class="visually-hidden">Inbox</h1>
      <div class="segments" role="group" aria-label="Which drifts">
        {views.map(([view, text]) => (
          <button key={view} type="button" aria-pressed={filter.view === view} onClick={() => setParameters({ view: view === 'undecided' ? '' : view })}>
            {text}
          </button>
        ))}
      </div>
      <div class="filters">
        <label class="search">
          <Icon name="search" />
          <span class="visually-hidden">Search by address, type or changed path</span>
          <SearchInput value={filter.search} inputRef={search} />
          <kbd aria-hidden="true">/</kbd>
        </label>
        <Select
          hidden
          label="Severity"
          value={filter.severity}
          onChange={(v) => setParameters({ severity: v })}
          options={[
            ['', 'Any severity'],
            ['critical', 'Critical'],
            ['warning', 'Warning'],
            ['info', 'Info'],
          ]}
        />
        <Select
          hidden
          label="Workspace"
          value={filter.workspace}
          onChange={(v) => setParameters({ workspace: v })}
          options={[['', 'Any workspace'], ...withCurrent(workspaces.value.map((w) => w.name), filter.workspace).map((name): [string, string] => [name, name])]}
        />
        <Select
          hidden
          label="Order"
          value={filter.sort}
          onChange={(v) => setParameters({ sort: v === 'severity' ? '' : v })}
          options={[
            ['severity', 'Most severe'],
            ['newest', 'Newest'],
            ['oldest', 'Oldest'],
            ['cost', 'Highest cost'],
          ]}
        />
        <Chip name="type" text={filter.type} />
        <Chip name="owner" text={filter.owner} />
        <Chip name="group" text={filter.group === '' ? '' : 'One group'} />
      </div>
      <Button small pressed={grouped} hint="g" onClick={() => setParameters({ by: grouped ? '' : 'group', group: '' })}>
        Group
      </Button>
      <span class="count" role="status">
        {count === undefined ? '' : count === 1 ? '1 drift' : `${count.toLocaleString('en')} drifts`}
      </span>
    </header>
  );
}

function Chip({ name, text }: { name: string; text: string }) {
  return text === '' ? null : (
    <button type="button" class="chip" onClick={() => setParameters({ [name]: '' })}>
      <bdi>{text}</bdi> <Icon name="cross" />
      <span class="visually-hidden">: remove this filter</span>
    </button>
  );
}

function withCurrent(names: string[], current: string): string[] {
  return current === '' || names.includes(current) ? names : [current, ...names];
}

/** The address follows what is typed after a moment, so that not every letter is a request. */
function SearchInput({ value, inputRef }: { value: string; inputRef: { current: HTMLInputElement | null } }) {
  const text = useSignal(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (document.activeElement !== inputRef.current) {
      text.value = value; // Changed by a link, or removed.
    }
  }, [value]);
  const later = (v: string, wait: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParameters({ search: v.trim().slice(0, 200) }), wait);
  };
  return (
    <input
      ref={inputRef}
      type="search"
      placeholder="Search"
      value={text.value}
      dir="auto"
      maxLength={200}
      onInput={(e) => {
        text.value = e.currentTarget.value;
        later(text.value, 250);
      }}
      onKeyDown={(e) => {
        if (e.key === 'Escape' || e.key === 'Enter') {
          later(text.value, 0);
          e.currentTarget.blur();
        }
      }}
    />
  );
}
