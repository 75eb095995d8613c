package identity

// OnCompare calls fn with the hash of each comparison of a password.
func (s *Service) OnCompare(fn func(hash string)) {
	compare := s.passwords.compare
	s.passwords.compare = func(password, hash string) (bool, error) {
		fn(hash)
		return compare(password, hash)
	}
}
