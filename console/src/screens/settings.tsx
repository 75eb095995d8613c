import { isAdmin } from '../session/me';
import { path } from '../router';
import { lazy } from '../ui/lazy';
import { Empty } from '../ui/state';
import { Channels } from './settings/channels';
import { Design } from './settings/design';
import { Keys } from './settings/keys';
import { Operations } from './settings/operations';
import { Profile } from './settings/profile';
import { Sessions } from './settings/sessions';
import { Trusts } from './settings/trusts';
import { Users } from './settings/users';

const Rules = lazy(() => import('./settings/rules').then((m) => m.Rules));

const mine: [string, string][] = [
  ['profile', 'Profile'],
  ['sessions', 'Sessions'],
  ['rules', 'Rules'],
];
const admins: [string, string][] = [
  ['users', 'Users'],
  ['keys', 'API keys'],
  ['trusts', 'CI tokens'],
  ['channels', 'Channels'],
  ['operations', 'Operations'],
];

export function Settings({ page }: { page: string }) {
  const [here = ''] = (page === '' ? 'profile' : page).split('/');
  return (
    <div class="page settings">
      <nav class="settings-nav" aria-label="Settings">
        {[...mine, ...(isAdmin.value ? admins : [])].map(([name, text]) => (
          <a key={name} href={`/settings/${name}`} {...(here === name ? { 'aria-current': 'page' as const } : {})}>
            {text}
          </a>
        ))}
      </nav>
      <div class="settings-main">
        <Page key={path.value} name={here} />
      </div>
    </div>
  );
}

function Page({ name }: { name: string }) {
  switch (name) {
    case 'profile':
      return <Profile />;
    case 'sessions':
      return <Sessions />;
    case 'rules':
      return <Rules />;
    case 'design':
      return <Design />;
  }
  if (isAdmin.value) {
    switch (name) {
      case 'users':
        return <Users />;
      case 'keys':
        return <Keys />;
      case 'trusts':
        return <Trusts />;
      case 'channels':
        return <Channels />;
      case 'operations':
        return <Operations />;
    }
  }
  return <Empty whole icon="search" title={admins.some(([a]) => a === name) ? 'This is for admins' : 'There is no such page'} />;
}
