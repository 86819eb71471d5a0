package collections_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
)

// measure computes a distance with 200 bits, from the definition.
func measure(distance string, a, b []float32) float64 {
	number := func(x float32) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(float64(x)) }
	sum := func(term func(i int) *big.Float) *big.Float {
		total := new(big.Float).SetPrec(200)
		for i := range a {
			total.Add(total, term(i))
		}
		return total
	}
	dot := func(a, b []float32) *big.Float {
		return sum(func(i int) *big.Float { return new(big.Float).Mul(number(a[i]), number(b[i])) })
	}
	one := number(1)
	var result *big.Float
	switch distance {
	case "l2":
		result = sum(func(i int) *big.Float {
			d := new(big.Float).Sub(number(a[i]), number(b[i]))
			return d.Mul(d, d)
		})
	case "ip":
		result = one.Sub(one, dot(a, b))
	case "cosine":
		length := new(big.Float).Sqrt(new(big.Float).Mul(dot(a, a), dot(b, b)))
		result = one.Sub(one, new(big.Float).Quo(dot(a, b), length))
	}
	f, _ := result.Float64()
	return f
}

func TestNearest(t *testing.T) {
	const n, dimension = 300, 12
	random := rand.New(rand.NewPCG(3, 4))
	vector := func() []float32 {
		v := make([]float32, dimension)
		for i := range v {
			v[i] = float32(random.NormFloat64())
		}
		return v
	}
	vectors := make(map[string][]float32, n)
	var rows []memory.Record
	for i := range n {
		id := fmt.Sprintf("row-%03d", i)
		vectors[id] = vector()
		if i%10 == 9 { // and some that lie in one place
			vectors[id] = vectors["row-000"]
		}
		rows = append(rows, line(id, vectors[id], "null", "null"))
	}
	random.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, distance := range []string{"l2", "ip", "cosine"} {
		t.Run(distance, func(t *testing.T) {
			s, _ := fresh(t)
			with := spec(dimension)
			with.Distance = distance
			merge(t, s, with, rows...)
			probes := [][]float32{vectors["row-000"], vectors["row-123"], vector(), vector()}
			for i, probe := range probes {
				for _, k := range []int{1, 2, 3, 10, 57, n, n + 5, math.MaxInt} {
					got, err := s.Nearest(t.Context(), section, probe, k)
					if err != nil {
						t.Fatal(err)
					}
					compare(t, fmt.Sprintf("probe %d, k %d", i, k), got, naive(distance, vectors, probe)[:min(k, n)])
				}
			}
		})
	}
}

// naive sorts all rows, as the words of the definition have it.
func naive(distance string, vectors map[string][]float32, probe []float32) []collections.Neighbour {
	var all []collections.Neighbour
	for id, v := range vectors {
		all = append(all, collections.Neighbour{ID: id, Distance: measure(distance, probe, v)})
	}
	slices.SortFunc(all, func(a, b collections.Neighbour) int {
		if a.Distance != b.Distance {
			if a.Distance < b.Distance {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

func compare(t *testing.T, what string, got, want []collections.Neighbour) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d neighbours, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i].ID != want[i].ID || math.Abs(got[i].Distance-want[i].Distance) > 1e-12*max(1, math.Abs(want[i].Distance)) {
			t.Fatalf("%s: neighbour %d: got %+v, want %+v", what, i, got[i], want[i])
		}
	}
}

func TestNearestAtTheEdges(t *testing.T) {
	s, path := fresh(t)
	with := spec(2)
	with.Distance = "cosine"
	huge := float32(math.MaxFloat32)
	merge(t, s, with,
		line("zero", []float32{0, 0}, "null", "null"),
		line("huge", []float32{huge, huge}, "null", "null"),
		line("back", []float32{-1, -1}, "null", "null"),
	)
	got, err := s.Nearest(t.Context(), section, []float32{2, 2}, 3)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "zeros and extremes", got, []collections.Neighbour{{ID: "huge", Distance: 0}, {ID: "zero", Distance: 1}, {ID: "back", Distance: 2}})

	nan := float32(math.NaN())
	for _, test := range []struct {
		name   string
		vector []float32
		k      int
		want   string
	}{
		{"NoK", []float32{1, 2}, 0, "k is 0"},
		{"Dimension", []float32{1, 2, 3}, 1, "dimension 3"},
		{"NaN", []float32{1, nan}, 1, "not finite"},
		{"Infinity", []float32{1, float32(math.Inf(1))}, 1, "not finite"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := s.Nearest(t.Context(), section, test.vector, test.k)
			if err == nil || !strings.Contains(err.Error(), test.want) || got != nil {
				t.Errorf("got %v, %v, want %q in the error", got, err, test.want)
			}
		})
	}
	t.Run("Absent", func(t *testing.T) {
		if _, err := s.Nearest(t.Context(), memory.Summaries, []float32{1, 2}, 1); !errors.Is(err, store.ErrAbsent) {
			t.Errorf("got %v, want ErrAbsent", err)
		}
	})
	t.Run("Cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Nearest(ctx, section, []float32{1, 2}, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
	for _, damaged := range []string{"00", "0000807f0000807f"} {
		t.Run("Damaged/"+damaged, func(t *testing.T) {
			do(t, raw(t, path), `UPDATE records SET embedding = x'`+damaged+`' WHERE id = 'zero'`)
			if _, err := s.Nearest(t.Context(), section, []float32{1, 2}, 1); !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("got %v, want ErrUnreadable", err)
			}
		})
	}
}
