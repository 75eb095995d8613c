// Package kubernetes tests deploy/kubernetes: it builds the manifests as kubectl does, reads them strictly into the types of
// their APIs, and compares what they say with what the services do.
package kubernetes
