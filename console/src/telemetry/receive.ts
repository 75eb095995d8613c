// The seam for the span `receive`: called with what came live, after the screens have the events, before the frame that shows them is
// painted.
import type { Event } from '../api/types';

let report: (events: Event[]) => void = () => undefined;

export function received(events: Event[]): void {
  report(events);
}

export function onReceive(reporter: typeof report): void {
  report = reporter;
}
