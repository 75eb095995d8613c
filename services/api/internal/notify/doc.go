// Package notify tells people and programs outside of what happened: channels, which an admin makes, and the messages for them.
//
//	event's transaction ──▶ waiting ──sent──▶ delivered ──▶ removed with the events
//	                          ▲  │ ▲  └─failed─┐
//	                   replay │  │ └─back-off──┘
//	                          │  └─24 h, or refused for good──▶ parked
//	                          └──────────────────────────────────┘
//
// A delivery is one message for one channel, about all events of one transaction that the channel wants: a check of a plan with
// a thousand drifts is one message. It is stored in the events' transaction and holds no content. What is told is read from the
// events when it is sent, so what is masked later is masked there, too.
//
// A channel's deliveries go out one at a time and in the order of the stream: the next one waits until the one before is delivered
// or parked. Each is sent at least once, always with the same id.
package notify
