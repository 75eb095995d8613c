// Package spec holds the tests of both services to their own documentation: docs/api/openapi.yaml and
// docs/api/asyncapi.yaml. Transport checks every exchange of an HTTP client, Frame every frame of a socket; Main fails
// a package's tests when there is an operation that none of them used.
//
// A schema of OpenAPI 3.1 is a JSON Schema of draft 2020-12, so a JSON Schema validator reads the documents as they
// are. An OpenAPI validator would bring a model, a router and a parameter parser of its own, to do the same with more
// code between a wrong field and the test that it fails. AsyncAPI's schemas are of draft 7; ours keep to what both
// drafts read alike.
package spec
