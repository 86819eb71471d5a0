package chroma

// sizer learns how large rows are and says how many to ask for at once.
type sizer struct {
	rows  int   // at most
	bytes int64 // an answer should stay well below
	each  int64 // bytes of a row, as far as is known; 0 at first
}

// firstRows is a page to learn from.
const firstRows = 64

// next returns how many rows to ask for.
func (s *sizer) next() int {
	if s.each == 0 {
		return min(firstRows, s.rows)
	}
	aim := s.bytes - s.bytes/4
	return int(min(max(aim/s.each, 1), int64(s.rows)))
}

// learn takes in an answer. Larger rows count at once, smaller ones slowly.
func (s *sizer) learn(rows int, bytes int64) {
	if rows == 0 {
		return
	}
	s.each = max(bytes/int64(rows), s.each-s.each/8, 1)
}

// tooMany takes in that an answer of that many rows was too large.
func (s *sizer) tooMany(rows int) {
	s.each = max(s.each, 2*s.bytes/int64(max(rows, 1)))
}
