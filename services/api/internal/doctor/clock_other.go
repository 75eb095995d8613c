//go:build !linux

package doctor

func clock(r *Report) { r.skip("clock", "only Linux says whether it is synchronized") }
