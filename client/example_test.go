package client_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/driftsentry/driftsentry/client"
)

// A CI job sends the plan that it has made.
func Example() {
	c, err := client.New(address, client.WithAPIKey("ds_example"))
	if err != nil {
		fmt.Println(err)
		return
	}
	plan := strings.NewReader(planJSON) // os.Stdin, or a file
	result, err := c.SendPlan(context.Background(), "network-prod", plan, client.PlanOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Check.Workspace, "is", result.Check.Status)
	for _, d := range result.Drifts {
		fmt.Println(d.Severity, d.ResourceID)
	}
	// Output:
	// network-prod is drifted
	// critical aws_security_group.web
}

// All critical drifts that are still undecided.
func ExampleClient_Drifts() {
	c, err := client.New(address, client.WithPassword("ada@example.com", "a long enough password"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for d, err := range c.Drifts(context.Background(), client.DriftQuery{Severity: client.Critical, Status: client.Detected}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for path, change := range d.Difference {
			fmt.Printf("%s: %s is %s, not %s\n", d.ResourceID, path, change.Actual, change.Expected)
		}
	}
	// Output: aws_security_group.web: ingress[0].cidr is "0.0.0.0/0", not "10.0.0.0/8"
}

// A decision names the version that was seen, so that a user decides only about what they have read.
func ExampleClient_ApproveDrift() {
	c, err := client.New(address, client.WithPassword("ada@example.com", "a long enough password"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.ApproveDrift(context.Background(), "01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b04", client.Decision{
		Reason: "agreed with the network team", Version: 1,
	})
	if client.HasCode(err, client.CodeConflict) {
		fmt.Println("look again:", err)
	}
	// Output: look again: 409 CONFLICT: the drift has changed since version 1 (trace 4bf92f3577b34da6a3ce929d0e0e4736)
}

// A program follows what happens, and goes on where it was after a restart.
func ExampleStream_Events() {
	c, err := client.New(address, client.WithPassword("ada@example.com", "a long enough password"))
	if err != nil {
		fmt.Println(err)
		return
	}
	stream := c.Stream(client.StreamOptions{
		After:  "5f1c20a4be07:1729", // kept by the last run
		Topics: []string{client.TopicDrifts},
		OnResync: func(context.Context, client.Resync) error {
			return nil // Load the lists again.
		},
		OnState: func(s client.State) {
			if s.Phase == client.Waiting {
				fmt.Fprintf(os.Stderr, "%v: again in %s\n", s.Err, s.Pause)
			}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for event, err := range stream.Events(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		drift, err := event.Drift()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.Type, drift.ResourceID, "- keep", event.Cursor)
		cancel() // A real program goes on.
	}
	// Output: drift.approved aws_security_group.web - keep 5f1c20a4be07:1730
}
