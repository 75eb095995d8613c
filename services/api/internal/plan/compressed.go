package plan

import (
	"bytes"

	"github.com/klauspost/compress/s2"
)

// shelf keeps many texts in little memory: in blocks, each compressed when it is full. The resources of a plan are much
// alike, so that they take a small part of their size, for some hundredths of the time that reading them took.
type shelf struct {
	blocks [][]byte // compressed; nil once cleared
	open   []byte   // the block that is being filled
	spare  []byte   // compressed into, before its size is known

	plain []byte // the last block that was looked into
	at    int    // which one that is, plus one
}

// blockSize is from what size on a block is closed.
const blockSize = 128 << 10

// slot is the place of a text on a shelf.
type slot struct{ block, from, to int }

func (s slot) size() int { return s.to - s.from }

// put adds a text, which may be given in parts.
func (s *shelf) put(parts ...[]byte) slot {
	place := slot{block: len(s.blocks), from: len(s.open)}
	for _, p := range parts {
		s.open = append(s.open, p...)
	}
	place.to = len(s.open)
	if len(s.open) >= blockSize {
		if n := s2.MaxEncodedLen(len(s.open)); n > len(s.spare) {
			s.spare = make([]byte, n)
		}
		s.blocks = append(s.blocks, bytes.Clone(s2.Encode(s.spare, s.open)))
		s.open = s.open[:0]
		if cap(s.open) > 2*blockSize { // A single large text must not leave its size behind twice.
			s.open, s.spare = nil, nil
		}
	}
	return place
}

// get gives a text back. It lives until the next get or put.
func (s *shelf) get(place slot) []byte {
	if place.block == len(s.blocks) {
		return s.open[place.from:place.to:place.to]
	}
	if s.at != place.block+1 {
		plain, err := s2.Decode(s.plain[:cap(s.plain)], s.blocks[place.block])
		if err != nil { // It is what put wrote.
			panic("plan: a block in memory is damaged: " + err.Error())
		}
		s.plain, s.at = plain, place.block+1
	}
	return s.plain[place.from:place.to:place.to]
}

// clear lets go of the blocks before this one.
func (s *shelf) clear(block int) {
	for i := block - 1; i >= 0 && s.blocks[i] != nil; i-- {
		s.blocks[i] = nil
	}
}
