package chroma

import (
	"strings"
	"time"
)

// longestName is how long the name of a collection may be.
const longestName = 512

// besides returns a name for a collection that stands beside one of that name. The
// parts begin and end with a letter or digit, as names have to.
func besides(name string, parts ...string) string {
	tail := "-" + strings.Join(parts, "-")
	if len(name)+len(tail) > longestName {
		digest := shortDigest([]byte(name))
		cut := longestName - len(tail) - len(digest) - 1
		name = strings.TrimRight(name[:cut], ".") + "-" + digest
	}
	return name + tail
}

// planPart is a plan in a name, short and fit to be its end.
func planPart(plan string) string {
	const most = 64
	if len(plan) > most || strings.Trim(plan, "-") != plan {
		return shortDigest([]byte(plan))
	}
	return plan
}

func shadowName(name, plan string) string { return besides(name, "shadow", planPart(plan)) }

// parkingName is for one of the collections that agents put into the place.
func parkingName(name, plan, id string) string {
	return besides(name, "parking", planPart(plan), shortDigest([]byte(id)))
}

// asideName is dated, for people; no other collection may have it.
func (c roster) asideName(name, plan, id string, now time.Time) string {
	stamp := now.UTC().Format("20060102T150405")
	aside := besides(name, "aside", stamp, planPart(plan))
	if c.named(aside) != nil {
		aside = besides(name, "aside", stamp, planPart(plan), shortDigest([]byte(id)))
	}
	return aside
}
