//go:build race

package plan

// detectorAllocates is how many bytes the race detector allocates for each byte of escapes.
const detectorAllocates = 2.0
