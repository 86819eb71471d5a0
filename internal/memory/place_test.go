package memory_test

import (
	"testing"

	"keepsake/internal/memory"
)

func TestPlaces(t *testing.T) {
	host, other := memory.Place{DataDir: "/a", Machine: "m1"}, memory.Place{DataDir: "/a", Machine: "m2"}
	container, elsewhere := memory.Place{DataDir: "/a"}, memory.Place{DataDir: "/b", Machine: "m1"}
	for _, c := range []struct {
		name         string
		a, b         memory.Place
		same, proven bool
	}{
		{"Itself", host, host, true, true},
		{"AnotherMachine", host, other, false, false},
		{"AContainer", host, container, true, false},
		{"ContainerItself", container, container, true, false},
		{"AnotherFolder", host, elsewhere, false, false},
		{"Nowhere", memory.Place{}, memory.Place{}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.a.Same(c.b); got != c.same {
				t.Errorf("same: got %t, want %t", got, c.same)
			}
			if got := c.a.Proven(c.b); got != c.proven {
				t.Errorf("proven: got %t, want %t", got, c.proven)
			}
		})
	}
}

func TestOwns(t *testing.T) {
	here, old := memory.Place{DataDir: "/a", Machine: "m1"}, memory.Place{DataDir: "/old", Machine: "m1"}
	copied := memory.Place{DataDir: "/copy", Machine: "m1"}
	o := memory.Owner{ID: "x", Places: []memory.Place{here}, Before: []memory.Past{{Place: old, Until: 7}}, Also: []string{"n"}}
	for _, c := range []struct {
		name     string
		id       string
		at       *memory.Place
		sequence int64
		want     bool
	}{
		{"Here", "x", &here, 9, true},
		{"OlderThanPlaces", "x", nil, 3, true},
		{"Copied", "x", &copied, 9, false},
		{"WhereItLived", "x", &old, 7, true},
		{"MadeThereSince", "x", &old, 8, false},
		{"OtherMemory", "y", &here, 1, false},
		{"MeanwhileHere", "n", &here, 8, true},
		{"MeanwhileElsewhere", "n", &copied, 8, false},
		{"MeanwhileNowhere", "n", nil, 8, false},
		{"MeanwhileWhereItLived", "n", &old, 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := o.Owns(c.id, c.at, c.sequence); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
	if (memory.Owner{}).Owns("", nil, 0) {
		t.Error("the zero owner owns a bundle")
	}
	if !(memory.Owner{ID: "x", Kin: "y", Places: []memory.Place{here}}).Owns("y", &copied, 1) {
		t.Error("kin doesn't count as its own")
	}
	if !(memory.Owner{ID: "x"}).Owns("x", &copied, 1) {
		t.Error("a memory of which nobody has said where it lives doesn't own a bundle of its id")
	}
}
