// Package life runs the life of a drift with real tools. Terraform and OpenTofu manage resources of a small provider
// (test/tofu), the tests change these behind their back, and the plans go to a running pair by the commands of
// docs/sending-plans.md, which are taken from the page and run in bash. After each step the tests read the record by REST.
//
// Its tests have the build tag tofu: make test-tofu.
package life
