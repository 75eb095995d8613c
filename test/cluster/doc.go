//go:build cluster

// Package cluster tests deploy/kubernetes on a real cluster of two nodes. It does what docs/operations.md says, with the commands of that
// page, and then makes faults and changes while a pod sends load:
//
//	install the version before ─▶ upgrade ─▶ faults, changes of secrets, load ─▶ policies ─▶ back to the version before
//
// It prints what it did and what was lost, and leaves nothing behind. It needs Docker and a program that starts a cluster on this machine
// (CLUSTER, or cluster on the PATH or in bin of STACK_DIR); without them it is skipped and says so. The program knows
//
//	up             start two nodes, node-1 and node-2, with NetworkPolicies, metrics-server and the Prometheus Operator's CRDs
//	env            print the shell's assignments of KUBECONFIG and PATH
//	load IMAGE…    give the nodes images of the local Docker
//	cut N, heal N  take the network of node N away, and give it back
//	down           remove everything
//
//	make test-cluster
package cluster
