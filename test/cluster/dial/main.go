// Command dial tries connections from inside a pod, for the tests of network policies: each argument HOST:PORT gets a line with "open" or
// "closed". With -wait it tries until all are open. With -listen it accepts connections at ports until it is ended.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// patience is how long a connection may take. A policy that drops packets lets it pass.
const patience = 2 * time.Second

// pause is between two tries of all.
const pause = 200 * time.Millisecond

func main() {
	listen := flag.String("listen", "", "`ports` to listen at, separated by commas")
	wait := flag.Bool("wait", false, "try until all are open")
	flag.Parse()
	if *listen != "" {
		if err := serve(strings.Split(*listen, ",")); err != nil {
			fmt.Fprintln(os.Stderr, "dial:", err)
			os.Exit(1)
		}
		return
	}
	for pause := time.NewTicker(pause); !try(flag.Args()) && *wait; {
		<-pause.C
	}
}

// try reports whether all are open.
func try(addresses []string) bool {
	dialer := net.Dialer{Timeout: patience}
	all := true
	for _, address := range addresses {
		state := "open"
		conn, err := dialer.DialContext(context.Background(), "tcp", address)
		if err != nil {
			state, all = "closed", false
		} else {
			_ = conn.Close()
		}
		fmt.Println(address, state)
	}
	return all
}

func serve(ports []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	for _, port := range ports {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", ":"+port)
		if err != nil {
			return err
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_ = conn.Close()
			}
		}()
	}
	<-ctx.Done()
	return nil
}
