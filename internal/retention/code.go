package retention

// Code is a stable word for a ground.
type Code string

// Grounds to skip: the policy has no say in these.
const (
	NameTwice     Code = "name-twice"
	ForeignName   Code = "foreign-name"
	Unreadable    Code = "unreadable"
	Unsealed      Code = "unsealed"
	OtherMemory   Code = "other-memory"
	StampDiffers  Code = "stamp-differs"
	UnknownStatus Code = "unknown-status"
	UnknownReason Code = "unknown-reason"
)

// Grounds to keep, whatever the age and the room.
const (
	NoPolicy   Code = "no-policy"
	Held       Code = "held"
	Future     Code = "future"
	Pinned     Code = "pinned"
	Needed     Code = "needed"
	KeptRescue Code = "rescue"
	Safety     Code = "safety"
	KeepLast   Code = "keep-last"
	Newest     Code = "newest"
	LastResort Code = "last-resort"
	LastSeen   Code = "last-seen"
)

// Grounds to keep while there is room.
const (
	KeepDaily   Code = "keep-daily"
	KeepWeekly  Code = "keep-weekly"
	KeepMonthly Code = "keep-monthly"
	Young       Code = "young"
)

// Limited keeps what would have gone, for one run.
const Limited Code = "limited"

// Grounds to remove.
const (
	Expired       Code = "expired"
	SafetyExpired Code = "safety-expired"
	OverBytes     Code = "over-bytes"
)

// NoSlot says beside another ground in what a bundle takes no slot of a good one.
const NoSlot Code = "no-place"

// NoneGood and OverBytes are also grounds of warnings about no single bundle.
const NoneGood Code = "none-good"
