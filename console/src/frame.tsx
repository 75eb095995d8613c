// What is around every screen: where one is, whether the stream is live, who one is.
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { navigate, path } from './router';
import { isAdmin, me } from './session/me';
import { signOut } from './session/token';
import { phase, retryNow, waiting } from './stream/live';
import { unreadAlerts } from './screens/workspaces-state';
import { Help } from './screens/help';
import { Prove } from './screens/prove';
import { Button } from './ui/button';
import { Icon, Mark } from './ui/icon';
import { shortcuts, useKeys } from './ui/keys';
import { Toasts } from './ui/toast';

export function Frame({ children }: { children: ComponentChildren }) {
  const help = useSignal(false);
  useKeys({ '?': () => (help.value = true) });
  return (
    <div class="frame">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="/inbox" aria-label="DriftSentry, to the inbox">
          <Mark /> <span>DriftSentry</span>
        </a>
        <nav class="nav" aria-label="Screens">
          <Place to="/inbox" also="/drifts" count={waiting.value}>
            Inbox
          </Place>
          <Place to="/workspaces">Workspaces</Place>
          <Place to="/checks">Checks</Place>
          <Place to="/alerts" count={unreadAlerts.value}>
            Alerts
          </Place>
          <Place to="/insights">Insights</Place>
          {isAdmin.value && <Place to="/audit">Audit</Place>}
          <Place to="/settings">Settings</Place>
        </nav>
        <div class="top-end">
          <Live />
          {shortcuts.value && <Button kind="quiet" icon="help" label="Keyboard shortcuts" onClick={() => (help.value = true)} />}
          <Account />
        </div>
      </header>
      <Lost />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Toasts />
      <Prove />
      {help.value && <Help onClose={() => (help.value = false)} />}
    </div>
  );
}

function Place({ to, also, count = 0, children }: { to: string; also?: string; count?: number; children: ComponentChildren }) {
  const here = path.value.startsWith(to) || (also !== undefined && path.value.startsWith(also));
  // On a narrow screen the places scroll sideways.
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (here) {
      link.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
  }, [here]);
  return (
    <a href={to} ref={link} {...(here ? { 'aria-current': 'page' as const } : {})}>
      {children}
      {count > 0 && <span class="nav-count">{count > 999 ? '999+' : count}</span>}
    </a>
  );
}

/** The state of the stream, always in sight. */
function Live() {
  const p = phase.value;
  const words = p.name === 'live' ? 'live' : p.name === 'catching up' ? `${p.behind} behind` : p.name === 'ended' ? 'stopped' : p.name === 'offline' ? 'offline' : 'connecting';
  return (
    <span class={`live live-${p.name.replace(' ', '-')}`} role="status" title={p.name === 'live' ? 'Changes appear by themselves.' : 'What you see may be old.'}>
      <span class="live-dot" aria-hidden="true" />
      {words}
    </span>
  );
}

function Lost() {
  const p = phase.value;
  if (p.name !== 'offline' && p.name !== 'ended') {
    return null;
  }
  return (
    <div class="lost">
      <span>{p.name === 'offline' ? 'The connection is lost. What you see may be old; nothing will be missing once it is back.' : `Live changes have stopped: ${p.reason}.`}</span>
      {p.name === 'offline' ? (
        <Button small onClick={retryNow}>
          Try now
        </Button>
      ) : (
        <Button small onClick={() => location.reload()}>
          Reload the page
        </Button>
      )}
    </div>
  );
}

function Account() {
  const open = useSignal(false);
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const close = (e: Event) => {
      if (e instanceof KeyboardEvent ? e.key === 'Escape' : !ref.current?.contains(e.target as Node)) {
        open.value = false;
      }
    };
    document.addEventListener('click', close);
    document.addEventListener('keydown', close);
    return () => {
      document.removeEventListener('click', close);
      document.removeEventListener('keydown', close);
    };
  }, []);
  const user = me.value?.user;
  if (user === undefined) {
    return null;
  }
  return (
    <div class="account" ref={ref}>
      <button type="button" class="account-button" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        <span class="visually-hidden">Your account, </span>
        <span class="avatar" aria-hidden="true">
          {[...user.name][0]?.toUpperCase()}
        </span>
        <span class="account-role">{user.role}</span>
        <Icon name="chevron" />
      </button>
      {open.value && (
        <div class="menu">
          <p class="menu-head">
            <bdi>{user.name}</bdi>
            <span class="muted">
              <bdi>{user.email}</bdi>
            </span>
          </p>
          <a href="/settings/profile" onClick={() => (open.value = false)}>
            Profile
          </a>
          <button
            type="button"
            onClick={() => {
              void signOut().catch(() => undefined);
              navigate('/sign-in');
            }}
          >
            Sign out
          </button>
        </div>
      )}
    </div>
  );
}
