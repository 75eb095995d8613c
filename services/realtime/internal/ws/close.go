package ws

import (
	"github.com/gobwas/ws"
)

// closing is the close code of a connection and its reason.
type closing struct {
	code   ws.StatusCode
	reason string
}

func (c closing) Error() string { return c.reason }

// frame is the close frame.
func (c closing) frame() []byte {
	return ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(c.code, c.reason)))
}

// The reasons for which the server closes. docs/api/asyncapi.yaml says how clients should react.
var (
	endProtocol = closing{ws.StatusProtocolError, "protocol error"}
	endBinary   = closing{ws.StatusUnsupportedData, "binary frames are not supported"}
	endNotUTF8  = closing{ws.StatusInvalidFramePayloadData, "a text that is not UTF-8"}
	endPolicy   = closing{ws.StatusPolicyViolation, "too many invalid messages"}
	endTooBig   = closing{ws.StatusMessageTooBig, "a message over 16 KiB"}
	endInternal = closing{ws.StatusInternalServerError, "internal error"}
	endRestart  = closing{1012, "the service restarts"}
	endExpired  = closing{4401, "the token has expired"}
	endRevoked  = closing{4401, "the session has ended"}
	endRole     = closing{4403, "the user's role has changed"}
	endTooSlow  = closing{4408, "no progress for too long"}
	endTooMany  = closing{4429, "too many messages"}
	endBroken   = closing{ws.StatusAbnormalClosure, "the connection broke"} // never sent
	endSilent   = closing{ws.StatusAbnormalClosure, "no response to heartbeats"}
	endNoReason = closing{ws.StatusNoStatusRcvd, reasonByClient}
)

const reasonByClient = "closed by the client"

// readClose checks the payload of a client's close frame. The reply repeats its code; without one it is empty.
func readClose(payload []byte) (end closing, answer []byte, err error) {
	if len(payload) == 0 {
		return endNoReason, ws.CompiledClose, nil
	}
	code, reason := ws.ParseCloseFrameData(payload)
	// The library doesn't know the codes that IANA added (1012 to 1014), nor that there is nothing above 4999.
	if added := code >= 1012 && code <= 1014; !added && ws.CheckCloseFrameData(code, "") != nil || code > 4999 {
		return closing{}, nil, endProtocol
	}
	if !validText([]byte(reason)) {
		return closing{}, nil, endNotUTF8
	}
	end = closing{code, reasonByClient}
	return end, closing{code, ""}.frame(), nil
}
