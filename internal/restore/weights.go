package restore

import (
	"math"

	"keepsake/internal/memory"
)

// What sections take in Chroma, in bytes, as the directory of a server (bindings
// 1.3.4) grew when collections of 400 to 10,000 rows of 64 to 1,024 numbers were
// filled; "Disk and time" in docs/chroma.md has the figures.
const (
	// indexRow is what the index holds of a row beside its vector: 132 bytes of
	// links, 8 of label, 4 of length, and twice an id of ordinary length.
	indexRow = 190
	// queued rows are kept twice until the index is saved; the pages of the
	// database that they took stay.
	queued = 1000
	// sqliteRow, and what each byte of metadata and of a document becomes with all
	// their indexes, that of the full text above all.
	sqliteRow, sqliteMetadata, sqliteDocument = 80, 2.7, 6.3
)

// A row of a file of collections and of the temporary database of a graph, beside
// its text: keys, indexes, the heads of pages and records.
const (
	collectionRow = 100
	graphRow      = 120
)

// stagedBytes is what the section takes beside the live one.
func (l Load) stagedBytes() int64 {
	vectors := l.Rows * 4 * int64(l.Dimension)
	switch {
	case l.Back || l.InPlace && l.Kind == memory.KindChroma:
		return 0
	case l.Kind == memory.KindChroma:
		return vectors + l.Rows*indexRow + l.queueBytes() + l.sqliteBytes()
	case l.Kind == memory.KindCollections:
		return vectors + l.Rows*collectionRow + l.Text
	case l.Kind == memory.KindGraph:
		return l.Rows*graphRow + l.Bytes
	}
	return l.Bytes
}

func (l Load) queueBytes() int64 {
	if l.Rows == 0 {
		return 0
	}
	return min(l.Rows, queued) * (4*int64(l.Dimension) + l.Text/l.Rows)
}

func (l Load) sqliteBytes() int64 {
	return l.Rows*sqliteRow + int64(sqliteMetadata*float64(l.Text-l.Documents)+sqliteDocument*float64(l.Documents))
}

// How long things take on the machine of docs/benchmarks.md, two cores, in
// seconds. A run is measured against that: see Pace.
const (
	// hashByte is for a byte of a bundle that is read, hashed and parsed: "verify
	// --level full, per core".
	hashByte = 1 / 272e6
	// passByte is for one that is only hashed and looked through: comparing and
	// staging take two such passes each.
	passByte = hashByte / 2
	// writeByte is for one that is written, synced and read back as well.
	writeByte = 3 * hashByte
	// readRow and readNumber are for a row of Chroma that is got and compared: the
	// proof of 50,000 × 1,024 took 5.8 s, that of 3,000 × 64 about 0.2 s.
	readRow, readNumber = 60e-6, 55e-9
	// importRow, and each byte of metadata and document, are what a server takes to
	// put a row in, whatever the client.
	importRow, importMetadata, importDocument = 150e-6, 0.4e-6, 1e-6
	// importIndex grows with the numbers of a row and the square root of the rows:
	// 1.2 ms a row at 10,000 × 1,024 in all, 2.3 ms at 50,000 × 1,024.
	importIndex = 7.3e-9
	// elementRow is for an element of a graph: staged, compared, put in.
	elementRow = 100e-6
	// What each run, each bundle and each section take if they hold nothing:
	// requests, and files that are synced.
	verifyOnce, saveOnce, compareOnce, swapOnce = 0.01, 0.2, 0.02, 0.1
)

// seconds is what remains to be done after a second preflight.
func (l Load) seconds(unsaved bool) float64 {
	s := swapOnce + l.stageSeconds()
	if l.Live > 0 && !unsaved {
		s += saveOnce + l.readSeconds(l.Live) + float64(l.LiveBytes)*(writeByte+hashByte)
	}
	return s
}

// stageSeconds are for the staging and the check.
func (l Load) stageSeconds() float64 {
	bundle := 2 * passByte * float64(l.Bytes)
	switch {
	case l.Back:
		return l.readSeconds(l.Rows)
	case l.Kind == memory.KindChroma:
		return bundle + l.importSeconds() + l.readSeconds(l.Rows)
	}
	return bundle + l.readSeconds(l.Rows)
}

// importSeconds are a server's own.
func (l Load) importSeconds() float64 {
	rows := float64(l.Rows)
	index := importIndex * float64(l.Dimension+100) * math.Sqrt(rows)
	return rows*(importRow+index) + importMetadata*float64(l.Text-l.Documents) + importDocument*float64(l.Documents)
}

// readSeconds are for rows that are read where they are.
func (l Load) readSeconds(rows int64) float64 {
	switch l.Kind {
	case memory.KindGraph:
		return float64(rows) * elementRow
	case memory.KindFiles, memory.KindSQLite:
		return 0 // its bytes are counted
	}
	return float64(rows) * (readRow + readNumber*float64(l.Dimension))
}

// slower says how much slower this machine, and the servers, are now than those
// that the weights are of: by what the preflight measured.
func (p Pace) slower(loads []Load) float64 {
	took, weighs := p.Verifying.Seconds(), verifyOnce+hashByte*float64(p.Bytes)
	for _, l := range loads {
		took += l.Comparing.Seconds()
		weighs += compareOnce + 2*passByte*float64(l.Bytes) + l.readSeconds(l.Live)
	}
	return max(took/weighs, 0.5)
}
