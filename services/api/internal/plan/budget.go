package plan

import "cmp"

// What a plan may cost, in units of what it takes to read one small value. Bytes are cheap and values are not, so that a
// plan made of nothing but values of two bytes would take many times as long as a real one of its size. It is refused.
//
// A real plan has a value in 18 bytes or more and comes to a tenth of a unit for each byte, a slimmed one in which all
// that is left has drifted to a fifth. See docs/decisions/0012.
const (
	// freeUnits are what a plan of any size may cost: the largest resource there may be, of which every value differs.
	freeUnits = 8 * maxValues
	// bytesPerUnit is how many bytes of a plan allow one unit more.
	bytesPerUnit = 4

	unitsAgain      = 2  // a value of an entry that is read again, to be compared and redacted
	unitsSearch     = 6  // a document in a string, which is searched for secrets
	unitsDocument   = 2  // a value of a document that stands in a string
	unitsDifference = 4  // a path at which the states differ
	unitsSecret     = 32 // a text that is looked for in every other
	bytesInside     = 16 // bytes of texts inside of strings, encoded or in documents, which are searched for secrets: a unit
)

// spend takes units for what the part of the plan has cost that ends at byte end.
func (s *scan) spend(units int, end int64) error {
	s.units += units
	spent := s.units
	if s.secrets != nil {
		spent += s.secrets.units()
	}
	if int64(spent) > freeUnits+end/bytesPerUnit {
		return tooLarge("has too many values, differences or sensitive texts for its %d bytes, more than plans of real configurations have: "+
			"split what makes so many small values into root modules of their own, such as what is at %s", end, cmp.Or(s.at, "its top"))
	}
	return nil
}

// units is what the secrets cost so far.
func (s *secrets) units() int {
	return unitsSecret*len(s.texts) + unitsSearch*s.documents + s.work/bytesInside
}
