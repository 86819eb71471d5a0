package retention_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"keepsake/internal/retention"
)

// By none of these is anything removed.
func TestRefusedPolicies(t *testing.T) {
	for name, change := range map[string]func(*retention.Policy){
		"KeepsNone":           func(p *retention.Policy) { p.KeepLast = 0 },
		"KeepsLessThanNone":   func(p *retention.Policy) { p.KeepLast = -1 },
		"NoAge":               func(p *retention.Policy) { p.MaxAge = 0 },
		"AgeBelowZero":        func(p *retention.Policy) { p.MaxAge = -day },
		"NoMemory":            func(p *retention.Policy) { p.Memory = "" },
		"DailyBelowZero":      func(p *retention.Policy) { p.KeepDaily = -1 },
		"WeeklyBelowZero":     func(p *retention.Policy) { p.KeepWeekly = -1 },
		"MonthlyBelowZero":    func(p *retention.Policy) { p.KeepMonthly = -1 },
		"MaxBytesBelowZero":   func(p *retention.Policy) { p.MaxBytes = -1 },
		"SafetyAgeBelowZero":  func(p *retention.Policy) { p.SafetyAge = -1 },
		"GoneAgeBelowZero":    func(p *retention.Policy) { p.GoneAge = -1 },
		"OnlyTheMemoryIsSaid": func(p *retention.Policy) { *p = retention.Policy{Memory: memoryID} },
	} {
		t.Run(name, func(t *testing.T) {
			p := policy()
			change(&p)
			d, err := p.Apply(series(0, 30), noon())
			if !errors.Is(err, retention.ErrRefused) || len(d.All) != 0 {
				t.Errorf("got %d decisions, %v, want ErrRefused", len(d.All), err)
			}
			if err := p.Check(); !errors.Is(err, retention.ErrRefused) {
				t.Errorf("check says %v, want ErrRefused", err)
			}
		})
	}
}

func TestZeroPolicyKeepsEverything(t *testing.T) {
	all := append(series(0, 30), daily(31, degraded), daily(32, safety), daily(33, named("backup-1")), retention.Candidate{})
	d := apply(t, retention.Policy{}, all...)
	if len(d.All) != len(all) || len(d.Removals()) != 0 || d.Mass() {
		t.Errorf("got %s", render(d))
	}
	for _, one := range d.All {
		if got := codes(one); got != "keep no-policy" {
			t.Errorf("%s: %s", one.Candidate.Name, got)
		}
	}
}

// Each ground by itself: an old bundle with three newer good ones, and what
// keeps it or doesn't.
func TestGrounds(t *testing.T) {
	const old = 9
	for _, c := range []struct {
		name string
		it   retention.Candidate
		want string
		warn retention.Code // "" is no warning
	}{
		{"Expired", daily(old), "remove expired", ""},
		{"Young", daily(6), "keep young", ""},
		{"JustYoung", daily(7), "keep young", ""},
		{"JustExpired", at(noon().Add(-7*day-time.Millisecond), 990), "remove expired", ""},
		{"Degraded", daily(old, degraded), "remove expired,no-place", ""},
		{"YoungAndDegraded", daily(6, degraded), "keep young,no-place", ""},
		{"Truncated", daily(old, truncated), "remove expired,no-place", ""},
		{"FailedVerification", daily(old, failed), "remove expired,no-place", ""},
		{"Verified", daily(old, func(c *retention.Candidate) { c.Verified = retention.VerifiedGood }), "remove expired", ""},
		{"UnknownVerification", daily(old, func(c *retention.Candidate) { c.Verified = "?" }), "remove expired,no-place", ""},
		{"Pinned", daily(old, pinned), "keep pinned", ""},
		{"Needed", daily(old, func(c *retention.Candidate) { c.Needed = "restore 7 isn't finished" }), "keep needed", ""},
		{"Rescue", daily(old, rescued), "keep rescue", ""},
		{"Safety", daily(7, safety), "keep safety", ""},
		{"SafetyExpired", daily(8, safety), "remove safety-expired", ""},
		{"SafetyPinned", daily(old, safety, pinned), "keep pinned", ""},
		{"SafetyNeeded", daily(old, safety, func(c *retention.Candidate) { c.Needed = "x" }), "keep needed", ""},
		{"SafetyDegraded", daily(old, safety, degraded), "remove safety-expired", ""},
		{"Future", at(noon().Add(time.Millisecond), 2000), "keep future", retention.Future},
		{"FutureSafety", at(noon().Add(day), 2000, safety), "keep future", retention.Future},
		{"Unreadable", daily(old, unreadable), "skip unreadable", retention.Unreadable},
		{"Unsealed", daily(old, func(c *retention.Candidate) { c.Sealed = false }), "skip unsealed", retention.Unsealed},
		{"OtherMemory", daily(old, func(c *retention.Candidate) { c.MemoryID = "another" }), "skip other-memory", ""},
		{"OtherMemoryInOtherCase", daily(old, func(c *retention.Candidate) { c.MemoryID = "3F0C1F0E-1111-4222-8333-444455556666" }), "skip other-memory", ""},
		{"NoMemory", daily(old, func(c *retention.Candidate) { c.MemoryID = "" }), "skip other-memory", ""},
		{"StampDiffers", daily(old, func(c *retention.Candidate) { c.Timestamp = "2026-11-01T00-00-00.000Z" }), "skip stamp-differs", retention.StampDiffers},
		{"NoStamp", daily(old, func(c *retention.Candidate) { c.Timestamp = "" }), "skip stamp-differs", retention.StampDiffers},
		{"UnknownStatus", daily(old, func(c *retention.Candidate) { c.Status = "complet" }), "skip unknown-status", retention.UnknownStatus},
		{"NoStatus", daily(old, func(c *retention.Candidate) { c.Status = "" }), "skip unknown-status", retention.UnknownStatus},
		{"UnknownReason", daily(old, func(c *retention.Candidate) { c.Reason = "drill" }), "skip unknown-reason", retention.UnknownReason},
		{"NoReason", daily(old, func(c *retention.Candidate) { c.Reason = "" }), "skip unknown-reason", retention.UnknownReason},
		{"Zero", retention.Candidate{}, "skip foreign-name", retention.ForeignName},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := apply(t, policy(), append(series(0, 2), c.it)...)
			if got := codes(of(t, d, c.it)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			var warned retention.Code
			for _, w := range d.Warnings {
				warned = w.Ground.Code
				if w.Name != c.it.Name {
					t.Errorf("warning names %q, want %q", w.Name, c.it.Name)
				}
			}
			if warned != c.warn || len(d.Warnings) > 1 {
				t.Errorf("warnings are %v, want one of %q", d.Warnings, c.warn)
			}
		})
	}
}

// Names that aren't ours, to the letter.
func TestNames(t *testing.T) {
	stamp := daily(30).Timestamp
	for _, name := range []string{
		"", "backup-", "backup", stamp, "Backup-" + stamp, " backup-" + stamp, "backup-" + stamp + " ", "backup-" + stamp + "/", ".backup-partial-" + stamp + "-ABCDEFGH",
		".backup-trash-" + stamp, "backup-" + stamp + "-copy", "backup-2026-10-24T12:00:00.000Z", "backup-2026-10-24T12-00-00Z", "backup-2026-10-24T12-00-00,000Z",
		"backup-2026-10-24T12-00-00.000", "backup-2026-10-24T12-00-00.000z", "backup-2026-10-24T12-00-00.000+00:00", "backup-2026-02-30T12-00-00.000Z",
		"backup-2026-10-24T24-00-00.000Z", "backup-2026-10-24T12-00-60.000Z", "backup-2026-1-24T12-00-00.000Z", "backup-2026-10-24T12-00-00.0000Z", "backup-2026-10-24",
		"backup-1", "backup-2019", "backup-before-migration-3",
	} {
		t.Run(name, func(t *testing.T) {
			d := apply(t, policy(), append(series(0, 3), daily(30, named(name)))...)
			if got := codes(of(t, d, daily(30, named(name)))); got != "skip foreign-name" || len(d.Warnings) != 1 {
				t.Errorf("got %s, warnings %v", got, d.Warnings)
			}
		})
	}
}

// One bundle that is handed in twice would take two places.
func TestTwice(t *testing.T) {
	all := append(series(8, 10), daily(8), daily(11), daily(12))
	d := apply(t, policy(), all...)
	if got := codes(of(t, d, daily(8))); got != "skip name-twice" {
		t.Errorf("got %s", got)
	}
	if got, want := removed(d), map[string]bool{daily(12).Name: true}; len(got) != 1 || !got[daily(12).Name] {
		t.Errorf("removed %v, want %v", got, want)
	}
}

// The sequence says which is newer; the stamp how old it is.
func TestOrder(t *testing.T) {
	// The clock was put back by a year before the last three.
	all := []retention.Candidate{daily(10), daily(9), daily(1), daily(401), daily(400), daily(399)}
	for i := range all {
		all[i].Sequence = int64(i + 1)
	}
	d := apply(t, policy(), all...)
	got := removed(d)
	if len(got) != 2 || !got[all[0].Name] || !got[all[1].Name] {
		t.Errorf("got %s", render(d))
	}
	for i := range d.All {
		if got, want := d.All[i].Candidate.Name, all[len(all)-1-i].Name; got != want {
			t.Errorf("decision %d is about %s, want %s", i, got, want)
		}
	}
	if got := d.Removals(); got[0].Candidate.Name != all[0].Name {
		t.Errorf("the first to go is %s, want the oldest", got[0].Candidate.Name)
	}
}

// The order of the candidates makes no difference, and they are left alone.
func TestOrderOfCandidates(t *testing.T) {
	all := append(series(0, 12), daily(13, named("backup-1")), daily(14, unreadable), daily(15, safety))
	want := render(apply(t, policy(), all...))
	slices.Reverse(all)
	before := all[3]
	if got := render(apply(t, policy(), all...)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if all[3].Name != before.Name {
		t.Error("the candidates were moved")
	}
}

// A failed or future bundle fills no place: the old good ones stay.
func TestTakesNoPlace(t *testing.T) {
	for name, change := range map[string]func(*retention.Candidate){
		"Degraded": degraded, "Truncated": truncated, "Failed": failed, "Safety": safety, "Rescue": rescued, "Unreadable": unreadable,
		"Empty": func(c *retention.Candidate) { c.Units = nil },
		"NoRows": func(c *retention.Candidate) {
			holding("kb", true, 0)(c)
			holding("mc", true, 0)(c)
			holding("graph", true, 0)(c)
		},
		"OtherMemory": func(c *retention.Candidate) { c.MemoryID = "another" },
		"Future":      func(c *retention.Candidate) { *c = at(noon().Add(time.Duration(c.Sequence)*time.Hour), c.Sequence) },
	} {
		t.Run(name, func(t *testing.T) {
			all := series(8, 11)
			for ago := range 5 {
				all = append(all, daily(ago, change))
			}
			got := removed(apply(t, policy(), all...))
			if len(got) != 1 || !got[daily(11).Name] {
				t.Errorf("removed %v, want only the fourth good one", got)
			}
		})
	}
}

// A degraded bundle takes a slot in each unit that is good in it.
func TestGoodPartsStay(t *testing.T) {
	part := daily(9, degraded, holding("mc", false, 0))
	older := daily(10, degraded, holding("mc", false, 0))
	d := apply(t, policy(), append(series(20, 24), part, older)...)
	for c, want := range map[string]string{
		part.Name:      "keep newest,keep-last,last-seen,no-place",
		older.Name:     "keep keep-last,no-place",
		daily(20).Name: "keep keep-last",
		daily(22).Name: "keep keep-last",
		daily(23).Name: "remove expired",
	} {
		if got := codes(of(t, d, candidateNamed(d, c))); got != want {
			t.Errorf("%s: %s, want %s", c, got, want)
		}
	}
	if got, want := of(t, d, part).Grounds[0].Text, "holds the newest good graph, kb"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if got, want := of(t, d, older).Grounds[1].Text, "takes no place of a good one in mc"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// candidateNamed is the candidate of that name.
func candidateNamed(d retention.Decisions, name string) retention.Candidate {
	for _, one := range d.All {
		if one.Candidate.Name == name {
			return one.Candidate
		}
	}
	return retention.Candidate{}
}

// Where none is good, the newest that hold something stay, and that is said.
func TestLastResort(t *testing.T) {
	var all []retention.Candidate
	for ago := 8; ago < 14; ago++ {
		all = append(all, daily(ago, failed))
	}
	d := apply(t, policy(), all...)
	for i, c := range all {
		want := "keep last-resort,no-place"
		if i == 0 {
			want = "keep last-resort,last-seen,no-place"
		}
		if i >= 3 {
			want = "remove expired,no-place"
		}
		if got := codes(of(t, d, c)); got != want {
			t.Errorf("%d days: %s, want %s", 8+i, got, want)
		}
	}
	if len(d.Warnings) != 3 || d.Warnings[0].Ground.Code != retention.NoneGood || d.Warnings[0].Name != "" {
		t.Errorf("warnings are %v", d.Warnings)
	}
}

func TestCalendar(t *testing.T) {
	p := policy()
	p.KeepDaily, p.KeepWeekly, p.KeepMonthly = 10, 4, 3
	var all []retention.Candidate
	for hours := 0; hours < 120*24; hours += 12 {
		all = append(all, at(noon().Add(-time.Duration(hours)*time.Hour), int64(10_000-hours)))
	}
	d := apply(t, p, all...)
	stays := map[retention.Code]int{}
	for _, one := range d.All {
		for _, g := range one.Grounds {
			if one.Action == retention.Keep {
				stays[g.Code]++
			}
		}
	}
	want := map[retention.Code]int{retention.KeepLast: 3, retention.KeepDaily: 10, retention.KeepWeekly: 4, retention.KeepMonthly: 3, retention.Young: 15}
	for code, n := range want {
		if stays[code] != n {
			t.Errorf("%d stay by %s, want %d", stays[code], code, n)
		}
	}
	// Of a day, week or month the newest stays.
	for _, name := range []string{"backup-2026-11-14T12-00-00.000Z", "backup-2026-11-08T12-00-00.000Z", "backup-2026-10-31T12-00-00.000Z", "backup-2026-09-30T12-00-00.000Z"} {
		if removed(d)[name] {
			t.Errorf("%s goes, and is the newest of its span", name)
		}
	}
}

func TestMaxBytes(t *testing.T) {
	p := policy()
	p.KeepDaily = 20
	all := append(series(0, 12), daily(13, pinned), daily(5, safety), daily(2, func(c *retention.Candidate) { c.MemoryID = "another" }))
	all[14].Name, all[14].Timestamp = at(noon().Add(-5*day-1e6), 0).Name, at(noon().Add(-5*day-1e6), 0).Timestamp
	all[15].Name = at(noon().Add(-2*day-1e6), 0).Name
	for _, c := range []struct {
		max  int64
		stay int // of the memory's fifteen
		warn bool
	}{
		{0, 15, false},
		{1500, 15, false},
		{1499, 14, false},
		{1000, 10, false},
		{599, 5, false},
		{500, 5, false}, // three by number, one pinned, one before a restore
		{499, 5, true},
		{1, 5, true},
	} {
		p.MaxBytes = c.max
		d := apply(t, p, all...)
		if got, want := len(d.Removals()), 15-c.stay; got != want {
			t.Errorf("max %d: %d go, want %d", c.max, got, want)
		}
		if warned := len(d.Warnings) == 1 && d.Warnings[0].Ground.Code == retention.OverBytes; warned != c.warn {
			t.Errorf("max %d: warnings are %v", c.max, d.Warnings)
		}
		for i := range d.All[:c.stay-2] {
			if d.All[i].Action == retention.Remove {
				t.Errorf("max %d: %s goes, and is not of the oldest", c.max, d.All[i].Candidate.Name)
			}
		}
	}
}

func TestLimit(t *testing.T) {
	d := apply(t, policy(), series(0, 29)...)
	if got := len(d.Removals()); got != 22 {
		t.Fatalf("%d go, want 22", got)
	}
	limited := d.Limit(retention.MassLimit)
	gone := limited.Removals()
	if len(gone) != 10 {
		t.Fatalf("%d go, want 10", len(gone))
	}
	for i, r := range gone {
		if got, want := r.Candidate.Name, daily(29-i).Name; got != want {
			t.Errorf("number %d to go is %s, want %s", i, got, want)
		}
	}
	if got := codes(of(t, limited, daily(19))); got != "keep limited,expired" {
		t.Errorf("got %s", got)
	}
	if len(d.Removals()) != 22 || codes(of(t, d, daily(19))) != "remove expired" {
		t.Error("the decisions that were limited have changed")
	}
	for _, most := range []int{0, -1} {
		if got := len(d.Limit(most).Removals()); got != 0 {
			t.Errorf("limit %d: %d go", most, got)
		}
	}
	if got := len(d.Limit(100).Removals()); got != 22 {
		t.Errorf("limit 100: %d go", got)
	}
}

func TestMass(t *testing.T) {
	strangers := func(n int) (all []retention.Candidate) {
		for i := range n {
			all = append(all, daily(50+i, unreadable))
		}
		return all
	}
	keepers := func() (all []retention.Candidate) {
		for i := range 5 {
			all = append(all, daily(100+i, pinned))
		}
		return all
	}
	for _, c := range []struct {
		name string
		all  []retention.Candidate
		gone int
		mass bool
	}{
		{"None", series(0, 5), 0, false},
		{"Nothing", nil, 0, false},
		{"Ten", append(series(0, 17), keepers()...), 10, false},
		{"Eleven", append(series(0, 18), keepers()...), 11, true},
		{"Half", series(20, 25), 3, false},
		{"MoreThanHalf", series(20, 26), 4, true},
		// What the policy has no say in makes no majority.
		{"MoreThanHalfOfOurs", append(series(20, 26), strangers(20)...), 4, true},
		{"TheOnlyOne", []retention.Candidate{daily(9, safety)}, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := apply(t, policy(), c.all...)
			if got := len(d.Removals()); got != c.gone {
				t.Fatalf("%d go, want %d", got, c.gone)
			}
			if got := d.Mass(); got != c.mass {
				t.Errorf("mass is %v, want %v", got, c.mass)
			}
		})
	}
	if (retention.Decisions{}).Mass() {
		t.Error("no decisions are a mass")
	}
}

// What a root that has seen everything looks like, to the letter.
func TestGolden(t *testing.T) {
	p := policy()
	p.KeepWeekly, p.MaxBytes = 3, 1150
	all := []retention.Candidate{
		at(noon().Add(2*day), 1001),
		daily(0, degraded, holding("kb", false, 12)), daily(1), daily(2, only("graph")), daily(3, holding("kb", true, 0)), daily(4, failed), daily(5),
		daily(6, safety), daily(8), daily(9, truncated), daily(10), daily(11, safety), daily(12, rescued), daily(15), daily(16, pinned),
		daily(22), daily(23), daily(29), daily(36), daily(37, unreadable),
		daily(38, func(c *retention.Candidate) { c.MemoryID = "another" }),
		{Name: "backup-1"},
		{Name: "backup-before-migration-3"},
	}
	got := render(apply(t, p, all...))
	golden := filepath.Join("testdata", "golden.txt")
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Error(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
