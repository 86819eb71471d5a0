package restore

import (
	"fmt"
)

// Disk is where files are. Paths of one disk have the same ID.
type Disk struct {
	ID   string
	Free int64
}

// need is what is about to be written to a disk.
type need struct {
	Disk

	path  string // of the first that needs it
	bytes int64
}

// checkRoom adds up what goes to each disk that is known: the safety bundle, and
// what is staged in files. A graph is staged in the folder for temporary files,
// and its write-ahead log takes about as much beside it. Where a server keeps its
// files is not known.
func (p *Plan) checkRoom() {
	r := p.opts.Replace
	if r.Room == nil || r.resumed != nil && r.resumed.begun {
		return
	}
	var needs []*need
	err := p.needs(&needs, "", p.estimated.SafetyBytes)
	for _, s := range p.sections {
		if l := s.Survey.Locator; err == nil && p.replaces(s) && l.Address == "" {
			err = p.needs(&needs, l.Path, p.load(s).stagedBytes())
		}
	}
	if err != nil {
		p.refuse(GroundRoom, "room", "", "how much room there is can't be found out: "+err.Error(), "")
		return
	}
	for _, n := range needs {
		p.checkNeed(*n)
	}
}

// needs adds bytes to what the disk of path needs, "" for that of the bundles.
func (p *Plan) needs(all *[]*need, path string, bytes int64) error {
	disk, err := p.opts.Replace.Room(path)
	if err != nil {
		return err
	}
	for _, n := range *all {
		if n.ID == disk.ID {
			n.bytes += bytes
			return nil
		}
	}
	*all = append(*all, &need{disk, path, bytes})
	return nil
}

func (p *Plan) checkNeed(n need) {
	if n.bytes <= n.Free {
		return
	}
	what, hint := "the safety bundle, and what is staged beside it, take", "make room, or put the backup root elsewhere"
	if n.path != "" {
		what, hint = "what is staged on the disk of "+n.path+" takes", "make room"
	}
	p.refuse(GroundRoom, "room", "", fmt.Sprintf("%s about %d bytes, and %d are free", what, n.bytes, n.Free), hint)
}
