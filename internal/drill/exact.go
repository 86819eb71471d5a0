package drill

import (
	"encoding/binary"
	"math"
	"slices"

	"keepsake/internal/record"
)

// judgement holds the answers of a search against all rows, one after the other.
// Each probe keeps the distances of its nearest rows, and those of the rows that
// were answered: memory does not grow with the section.
type judgement struct {
	distance string
	probes   []*judged
	asked    map[string][]position // where an id was answered
	row      []float64
}

// position is one answered id of one probe.
type position struct{ probe, answer int }

// judged is one probe.
type judged struct {
	vector []float64
	length float64
	best   []float64 // the least distances, ascending, at most nearest
	found  []float64 // of each answered row, NaN until it comes
}

func newJudgement(distance string, vectors [][]float32, answers [][]string) *judgement {
	j := &judgement{distance: distance, asked: map[string][]position{}}
	for i, v := range vectors {
		p := &judged{vector: make([]float64, len(v))}
		for n, x := range v {
			p.vector[n] = float64(x)
		}
		p.length = math.Sqrt(product(p.vector, p.vector))
		ids := answers[i]
		slices.Sort(ids) // one that is answered twice is found once
		for n, id := range slices.Compact(ids) {
			j.asked[id] = append(j.asked[id], position{i, n})
			p.found = append(p.found, math.NaN())
		}
		j.probes = append(j.probes, p)
	}
	return j
}

// see measures the distance of a row to every probe.
func (j *judgement) see(v *record.Vector) {
	j.row = j.row[:0]
	for i := 0; i < len(v.Bits); i += 4 {
		j.row = append(j.row, float64(math.Float32frombits(binary.LittleEndian.Uint32(v.Bits[i:]))))
	}
	length := 0.0
	if j.distance == "cosine" {
		length = math.Sqrt(product(j.row, j.row))
	}
	asked := j.asked[string(v.Key)]
	for i, p := range j.probes {
		d := j.measure(p, length)
		p.keep(d)
		for _, at := range asked {
			if at.probe == i {
				p.found[at.answer] = d
			}
		}
	}
}

// measure returns what Chroma calls distance: the square of the Euclidean one for l2,
// 1 − the inner product for ip, 1 − the cosine for cosine; a vector of zeros has
// cosine 0 with all others. Source: docs.trychroma.com, "Configure collections",
// hnsw:space.
func (j *judgement) measure(p *judged, length float64) float64 {
	switch j.distance {
	case "ip":
		return 1 - product(p.vector, j.row)
	case "cosine":
		if lengths := p.length * length; lengths > 0 {
			return 1 - product(p.vector, j.row)/lengths
		}
		return 1
	}
	var sum float64
	for i, x := range p.vector {
		d := x - j.row[i]
		sum += d * d
	}
	return sum
}

// product returns the inner product. Four sums go on at once: one would wait for
// itself at each number.
func product(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	for len(a) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, x := range a {
		s0 += x * b[i]
	}
	return s0 + s1 + s2 + s3
}

// keep takes a distance in among the least.
func (p *judged) keep(d float64) {
	if len(p.best) == nearest && d >= p.best[nearest-1] {
		return
	}
	at, _ := slices.BinarySearch(p.best, d)
	p.best = slices.Insert(p.best, at, d)
	p.best = p.best[:min(len(p.best), nearest)]
}

// result counts the answers that are among the nearest, as far away as the last of
// them included, how many there could have been, and those that are no row.
func (j *judgement) result() (hits, wanted, strangers int) {
	for _, p := range j.probes {
		if len(p.best) == 0 {
			continue
		}
		near, limit := 0, p.best[len(p.best)-1]
		limit += slack(j.distance, limit)
		for _, d := range p.found {
			switch {
			case math.IsNaN(d):
				strangers++
			case d <= limit:
				near++
			}
		}
		hits += min(near, len(p.best))
		wanted += len(p.best)
	}
	return hits, wanted, strangers
}

// slack is by how much two distances may differ and count as a tie: a server
// measures in float32, and in a cosine space keeps vectors whose last bits moved.
func slack(distance string, d float64) float64 {
	const relative = 1e-5
	if distance == "ip" || distance == "cosine" {
		return 1e-6 * (1 + math.Abs(d))
	}
	return relative * d
}
