// Package oldclient runs the Go client of the version before, with its own tests, against the services of this checkout, and prints
// which of its calls still work.
//
// Its test has the build tag oldclient: make test-old-client. It takes client and test/client of the commit `before` out of git's
// history, and go test reads them in place of those of the checkout (-overlay): the client and its tests are the old ones, the services, the
// documents and the helpers of tests the present ones. What the old tests complain about, and what testdata/changed_test.go
// shows through the old client, must be on the list of changes.go, each with its entry in the changelog.
//
// When a release is made, `before` becomes the release before it, and the list starts empty.
package oldclient
