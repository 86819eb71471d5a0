package chroma

import "keepsake/internal/store"

// Costs implements store.Coster: what a server (bindings 1.3.4) took when collections
// of 400 to 50,000 rows of 64 to 1,024 numbers were filled; "Disk and time" in
// docs/chroma.md has the figures.
func (s *Server) Costs() store.Costs {
	const (
		// indexRow is what the index holds of a row beside its vector: 132 bytes of
		// links, 8 of label, 4 of length, and twice an id of ordinary length.
		indexRow  = 190
		sqliteRow = 80
	)
	return store.Costs{
		RowBytes: indexRow + sqliteRow, NumberBytes: 4,
		// What each byte becomes with all the indexes, that of the full text above all.
		TextBytes: 2.7, DocumentBytes: 6.3,
		// Rows are kept twice until the index is saved; the pages of the database that
		// they took stay.
		Queued:      1000,
		InPlaceFree: true,
		// The proof of 50,000 × 1,024 took 5.8 s, that of 3,000 × 64 about 0.2 s.
		ReadRow: 60e-6, ReadNumber: 55e-9,
		// Whatever the client: 1.2 ms a row at 10,000 × 1,024 in all, 2.3 ms at
		// 50,000 × 1,024.
		PutRow: 150e-6, PutText: 0.4e-6, PutDocument: 1e-6, PutIndex: 7.3e-9,
	}
}
