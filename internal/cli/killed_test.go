package cli_test

import (
	"maps"
	"os"
	"testing"

	"keepsake/internal/restore"
	"keepsake/internal/store/chroma/chromatest"
)

// series are moments at which a command is killed, one after the other.
type series struct {
	name   string
	counts func(chromatest.Request) bool
	after  bool
	// first and step choose some of the requests that count, kills says how many.
	// KEEPSAKE_TEST_FULL takes them all, which are at least so many.
	first, step, kills int
}

// moments calls do with each moment. Do reports whether the command was killed
// before it came to its end.
func (s series) moments(t *testing.T, do func(at moment, i int) (killed bool)) {
	t.Helper()
	full := os.Getenv("KEEPSAKE_TEST_FULL") != ""
	if full {
		s.first, s.step = 1, 1
	}
	for i := 0; full || i < s.kills; i++ {
		killed := do(moment{n: s.first + i*s.step, after: s.after}, i)
		if t.Failed() || !killed && i >= s.kills {
			return
		}
		if !killed {
			t.Fatalf("killed %d times, want %d", i, s.kills)
		}
	}
}

// TestT2_KilledReplace kills a replace at its requests to Chroma. Each section is
// then the old or the new one, or both are there under other names; the same
// command, or --resume, ends with the new ones and needs no other token; and undo
// brings the old ones back.
func TestT2_KilledReplace(t *testing.T) {
	t.Parallel()
	for _, s := range []series{
		{"before a write", writes, false, 1, 4, 6},
		{"after a write", writes, true, 3, 7, 4},
		{"before any request", every, false, 41, 83, 3},
	} {
		t.Run(s.name, func(t *testing.T) {
			k := newAgent(t, true).killable()
			worlds := k.worlds()
			live := 1
			s.moments(t, func(at moment, i int) bool {
				if i%8 == 7 { // every command looks at all that was kept aside
					k.forget()
					worlds, live = k.worlds(), 1
				}
				old, want := &worlds[live], &worlds[1-live]
				old.lives(k.agent)
				killed := k.replaceKilled(s.counts, at, i, *old, *want)
				if killed && i%4 == 2 {
					k.confirmed(0, "undo")
					sameDigests(t, k.digests(), old.digests)
				} else {
					live = 1 - live
				}
				return killed
			})
		})
	}
}

// replaceKilled replaces old by want, and reports whether it was killed on the
// way, and gone on with. The memory is want then.
func (r *reaper) replaceKilled(counts func(chromatest.Request) bool, at moment, i int, old, want world) bool {
	r.t.Helper()
	command := r.withToken("restore", want.bundle, "--mode", "replace", "--force", "--accept-shrink")
	request := r.killed(at, counts, command...)
	if request != "" {
		r.oldOrNew(old, want)
		r.goesOn(i, command)
	}
	delete(r.env, allowed)
	r.became(want, request, at)
	r.keptAside(old)
	return request != ""
}

// withToken is the command with both factors.
func (r *reaper) withToken(command ...string) []string {
	r.t.Helper()
	token := r.token(command...)
	r.env[allowed] = "true"
	return append(command, "--confirm", token)
}

// goesOn finishes what was killed: with the same command, or every other time, when
// a plan was begun, without naming it. Of those every other one is killed again
// on the way. No backup is made while the memory is neither the old nor the new one.
func (r *reaper) goesOn(i int, command []string) {
	r.t.Helper()
	begun := r.unfinished()
	if len(begun) == 1 && begun[0].Swapping() {
		r.must(11, "backup")
	}
	if len(begun) == 1 && i%2 == 1 {
		command = []string{"restore", "--resume"}
	}
	if i%4 == 3 && r.killed(moment{n: 9 * i}, every, command...) == "" {
		return // it came to its end before
	}
	r.must(0, command...)
}

// became wants the memory to be that one, no plan to be left, and a receipt.
func (r *reaper) became(w world, request string, at moment) {
	r.t.Helper()
	sameDigests(r.t, r.digests(), w.digests)
	if left := r.unfinished(); len(left) > 0 {
		r.t.Errorf("got %d unfinished plans, want none", len(left))
	}
	receipt, err := restore.LoadReceipt(r.data(".keepsake", "restores", r.receiptDir()))
	if err != nil || !receipt.Complete {
		r.t.Errorf("got receipt %+v, %v, want a complete one", receipt, err)
	}
	if r.t.Failed() {
		r.t.Logf("%s: %q", at, request)
	}
}

// TestT2_KilledUndo kills the undo of a replace.
func TestT2_KilledUndo(t *testing.T) {
	t.Parallel()
	k := newAgent(t, true).killable()
	worlds := k.worlds()
	old, now := &worlds[1], &worlds[0]
	s := series{"before a write", writes, false, 2, 4, 3}
	s.moments(t, func(at moment, i int) bool {
		k.replaced(now.bundle)
		now.lives(k.agent)
		command := k.withToken("undo")
		request := k.killed(at, s.counts, command...)
		if request != "" {
			k.oldOrNew(*now, *old)
			k.goesOn(i, command)
		}
		delete(k.env, allowed)
		k.became(*old, request, at)
		k.keptAside(*now)
		return request != ""
	})
}

// TestT2_KilledInPlace kills a replace that changes a collection row by row: no row
// is another than it was, or is to be.
func TestT2_KilledInPlace(t *testing.T) {
	t.Parallel()
	k := newAgent(t, true).killable()
	worlds := k.worlds()
	live := 1
	s := series{"after a write", writes, true, 1, 3, 3}
	s.moments(t, func(at moment, i int) bool {
		old, want := worlds[live], worlds[1-live]
		command := k.withToken("restore", want.bundle, "--mode", "replace", "--force", "--accept-shrink", "--in-place")
		request := k.killed(at, s.counts, command...)
		if request != "" {
			k.halfWay(old, want)
			k.goesOn(i, command)
		}
		delete(k.env, allowed)
		k.became(want, request, at)
		if got := k.liveIDs(); !maps.Equal(got, old.ids) {
			t.Errorf("got collections %v, want %v", got, old.ids)
		}
		live = 1 - live
		return request != ""
	})
}

// TestT2_KilledMerge kills a merge into an absent memory: no row is in that is not
// the bundle's, and the same command again puts in what is missing.
func TestT2_KilledMerge(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	k := a.killable()
	a.remember()
	bundle, want := a.backup(), a.digests()
	for _, s := range []series{
		{"before a write", writes, false, 2, 2, 2},
		{"before any request", every, false, 20, 29, 2},
	} {
		s.moments(t, func(at moment, _ int) bool {
			k.forget()
			request := k.killed(at, s.counts, "restore", bundle)
			for section, records := range a.digests() {
				for digest, n := range records {
					if n > want[section][digest] {
						t.Errorf("%s, %s: %s has record %x %d times, want %d", at, request, section, digest[:4], n, want[section][digest])
					}
				}
			}
			if request != "" {
				a.must(0, "restore", bundle)
			}
			sameDigests(t, a.digests(), want)
			return request != ""
		})
	}
}

// unfinished lists the plans that have not ended.
func (a *agent) unfinished() []*restore.Unfinished {
	a.t.Helper()
	found, err := restore.FindUnfinished(a.data(".keepsake", "restores"))
	if err != nil {
		a.t.Fatal(err)
	}
	return found
}
