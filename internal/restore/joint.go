package restore

// Joint is what several restores of one run came to together.
type Joint struct {
	Account Account `json:"account"`
	// Complete says that all that was asked for is in.
	Complete bool   `json:"complete"`
	Headline string `json:"headline"`
}

// Join sums up the receipts of the restores of one run, of which there were to be so
// many.
func Join(receipts []*Receipt, planned int) Joint {
	all := &Receipt{Complete: len(receipts) == planned}
	var total Account
	for _, r := range receipts {
		if r.Account != nil {
			total = total.plus(*r.Account)
		}
		all.Complete, all.proof = all.Complete && r.Complete, r.proof
		all.Sections = append(all.Sections, r.Sections...) // some of their rows may be in
	}
	return Joint{total, all.Complete, total.headline(all)}
}
