// Command realtime is the DriftSentry service that brings events to browsers.
package main

import (
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
)

// Set by the linker: -ldflags "-X main.version=1.2.3 -X main.commit=abc". What is not set comes from the build itself.
var version, commit string

const usage = `realtime brings what happens in an account to its open sockets.

  realtime [serve]       serve until SIGINT or SIGTERM; a second signal forces
  realtime healthcheck   exit with 0 when the service of this machine is ready
  realtime version       say what this is

The configuration is in environment variables, which .env.example lists.
`

func main() {
	program := process.Program{
		Name: "realtime", Usage: usage, Build: process.NewBuild(version, commit), Port: app.DefaultPort,
		About: "Serves until SIGINT or SIGTERM. Clients are told to reconnect; a second signal forces.",
		Serve: app.Serve,
	}
	program.Main()
}
