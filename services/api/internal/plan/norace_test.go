//go:build !race

package plan

// detectorAllocates is 0 without the race detector.
const detectorAllocates = 0.0
