import { effect, signal, untracked } from '@preact/signals';
import { render } from 'preact';
import { lazy } from './ui/lazy';
import { loadConfig } from './config';
import { Frame } from './frame';
import { navigate, path, returnTo, startRouter } from './router';
import { DriftScreen } from './screens/drift';
import { Inbox } from './screens/inbox';
import { SignIn } from './screens/sign-in';
import { refreshFrame } from './screens/workspaces-state';
import { me, readMe } from './session/me';
import { accessToken, signedIn } from './session/token';
import { epoch, follow, unfollow } from './stream/live';
import { Empty, ErrorBox } from './ui/state';
import './title';
import './styles/main.css';

// Screens that are not needed at first come when they are opened.
const rest = () => import('./screens/rest');
const Workspaces = lazy(() => rest().then((m) => m.Workspaces));
const WorkspaceScreen = lazy(() => rest().then((m) => m.WorkspaceScreen));
const Checks = lazy(() => rest().then((m) => m.Checks));
const CheckScreen = lazy(() => rest().then((m) => m.CheckScreen));
const Alerts = lazy(() => rest().then((m) => m.Alerts));
const Audit = lazy(() => rest().then((m) => m.Audit));
const Settings = lazy(() => rest().then((m) => m.Settings));
const Trace = lazy(() => rest().then((m) => m.Trace));

const failure = signal<unknown>(undefined);

function Screen() {
  const [, place = '', ...more] = path.value.split('/');
  const name = decoded(more.join('/'));
  switch (place) {
    case 'inbox':
      return <Inbox />;
    case 'drifts':
      return <DriftScreen key={name} id={name} />;
    case 'workspaces':
      return name === '' ? <Workspaces /> : <WorkspaceScreen key={name} name={name} />;
    case 'checks':
      return name === '' ? <Checks /> : <CheckScreen key={name} id={name} />;
    case 'alerts':
      return <Alerts />;
    case 'audit':
      return <Audit />;
    case 'settings':
      return <Settings page={name} />;
    case 'trace':
      return <Trace id={name} />;
    default:
      return (
        <Empty whole icon="search" title="There is no such page">
          <a href="/inbox">To the inbox</a>
        </Empty>
      );
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // An escape that is none.
  }
}

function App() {
  if (failure.value !== undefined) {
    return (
      <main class="sign-in" id="main">
        <ErrorBox error={failure.value} retry={() => location.reload()} />
      </main>
    );
  }
  if (signedIn.value === 'out') {
    return <SignIn />;
  }
  if (me.value === undefined) {
    return <p class="visually-hidden">Loading</p>;
  }
  return (
    <Frame>
      <Screen />
    </Frame>
  );
}

async function enter(): Promise<void> {
  // The stream begins before any list is read, so that nothing is missing between them.
  const [profile] = await Promise.all([readMe(), follow()]);
  me.value = profile;
  await refreshFrame();
}

async function start(): Promise<void> {
  startRouter();
  render(<App />, document.getElementById('app')!);
  try {
    await Promise.all([loadConfig(), session()]);
  } catch (e) {
    failure.value = e;
    return;
  }
  let before = 'unknown';
  effect(() => {
    const now = signedIn.value;
    if (now === before) {
      return;
    }
    before = now;
    if (now === 'in') {
      if (path.peek() === '/sign-in' || path.peek() === '/') {
        navigate(untracked(returnTo), { replace: true });
      }
      enter().catch((e: unknown) => (failure.value = e));
    } else {
      unfollow();
      me.value = undefined;
      if (path.peek() !== '/sign-in') {
        navigate(`/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
      }
    }
  });
  effect(() => {
    if (epoch.value > 0) {
      void refreshFrame();
    }
  });
}

// session looks for one. A setup link is for someone who has none yet, whoever is signed in here.
async function session(): Promise<void> {
  if (location.hash.startsWith('#setup=')) {
    signedIn.value = 'out';
    return;
  }
  try {
    await accessToken();
  } catch (e) {
    if (signedIn.value !== 'out') {
      throw e;
    }
  }
}

void start();

// After the first paint. Where it cannot be fetched the page works the same.
requestAnimationFrame(() => setTimeout(() => void import('./telemetry/spans').then((m) => m.start(), () => undefined)));
