import type { ComponentChildren } from 'preact';
import { Button } from './button';

/** Table is a list of things with columns; on a narrow screen each row is a card. */
export function Table({ label, head, children }: { label: string; head: string[]; children: ComponentChildren }) {
  return (
    <div class="table-box">
      <table aria-label={label}>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function More({ onClick, busy }: { onClick: () => void; busy: boolean }) {
  return (
    <p class="more">
      <Button busy={busy} onClick={onClick}>
        Show more
      </Button>
    </p>
  );
}
