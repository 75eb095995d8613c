// Package ws implements the sockets: the handshake, the connection with its frames (RFC 6455) and messages
// (docs/api/asyncapi.yaml), heartbeats, limits and close codes. Only this package uses the WebSocket library, which
// parses and writes frame headers; control frames, fragmentation, UTF-8 and closing are here.
//
// A connection has one goroutine at a time, which waits for the client without holding a buffer. Writing belongs to the
// hub; one ticker serves the timers of all connections.
//
//	handshake ──▶ open ──close frame sent──▶ closing ──the client's close frame, EOF, or 5 s──▶ closed
//	                │                                                                             ▲
//	                └────────────── the connection breaks, or the client is silent ───────────────┘
package ws
