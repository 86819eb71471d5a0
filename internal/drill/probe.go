package drill

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// probes is how many vectors are searched for in a section: half of them are rows
// of the bundle, half lie beside some.
const probes = 100

// nearest is how many rows each search is for.
const nearest = 10

// sampler takes rows evenly from a section, as vectors to search for.
type sampler struct {
	rows    int64 // of the section
	wanted  int   // rows to take
	taken   [][]float32
	vectors bool
}

func newSampler(spec memory.SectionSpec, rows int64) *sampler {
	return &sampler{rows: rows, wanted: int(min(rows, probes/2)), vectors: spec.Kind == memory.Vectors}
}

// offer takes the row of that number, if it is its turn.
func (s *sampler) offer(row int, v *record.Vector) {
	if !s.vectors || len(s.taken) >= s.wanted || int64(row) < int64(len(s.taken))*s.rows/int64(s.wanted) {
		return
	}
	if vector := floats(v.Bits); measurable(vector) {
		s.taken = append(s.taken, vector)
	}
}

// measurable reports whether a server, in float32, can tell how far a vector is
// from others: squares of very small and very large numbers are 0 or infinite there.
func measurable(v []float32) bool {
	square := squares(v)
	return square == 0 || square > 1e-30 && square < 1e30
}

func squares(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}

func floats(bits []byte) []float32 {
	out := make([]float32, len(bits)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(bits[4*i:]))
	}
	return out
}

// probes are the rows that were taken, and as many beside them as there is room
// for. They are the same for the same bundle.
func (s *sampler) probes() [][]float32 {
	all := append([][]float32(nil), s.taken...)
	for i := 0; len(all) < probes && len(s.taken) > 0; i++ {
		all = append(all, beside(s.taken[i%len(s.taken)], uint64(i)))
	}
	return all
}

// beside returns a vector a tenth of its length away, more or less.
func beside(v []float32, seed uint64) []float32 {
	step := 0.1 * math.Sqrt(squares(v)/float64(max(1, len(v))))
	random := rand.New(rand.NewPCG(seed, 0x6b656570))
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = x
		if moved := float32(float64(x) + step*random.NormFloat64()); !math.IsInf(float64(moved), 0) {
			out[i] = moved
		}
	}
	return out
}
