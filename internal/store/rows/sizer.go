package rows

// Sizer learns how large rows are and says how many to ask for at once.
type Sizer struct {
	First int   // rows of a page to learn from
	Rows  int   // at most
	Bytes int64 // an answer should stay well below
	each  int64 // bytes of a row, as far as is known; 0 at first
}

// Next returns how many rows to ask for.
func (s *Sizer) Next() int {
	if s.each == 0 {
		return min(s.First, s.Rows)
	}
	aim := s.Bytes - s.Bytes/4
	return int(min(max(aim/s.each, 1), int64(s.Rows)))
}

// Learn takes in an answer. Larger rows count at once, smaller ones slowly.
func (s *Sizer) Learn(rows int, bytes int64) {
	if rows == 0 {
		return
	}
	s.each = max(bytes/int64(rows), s.each-s.each/8, 1)
}

// TooMany takes in that an answer of that many rows was too large.
func (s *Sizer) TooMany(rows int) {
	s.each = max(s.each, 2*s.Bytes/int64(max(rows, 1)))
}
