package openstack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestElect(t *testing.T) {
	t.Parallel()
	early, late := time.Unix(100, 0), time.Unix(200, 0)
	for name, c := range map[string]struct {
		all  []candidate
		want string
	}{
		"one":             {[]candidate{{id: "b", created: late}}, "b"},
		"the oldest":      {[]candidate{{id: "a", created: late}, {id: "b", created: early}}, "b"},
		"of one second":   {[]candidate{{id: "b", created: early}, {id: "a", created: early}}, "a"},
		"what is in use":  {[]candidate{{id: "a", created: early}, {id: "b", inUse: true, created: late}}, "b"},
		"oldest of these": {[]candidate{{id: "a", inUse: true, created: late}, {id: "b", inUse: true, created: early}, {id: "c"}}, "b"},
	} {
		stays, rest := elect(c.all)
		require.Equal(t, c.want, stays.id, name)
		require.Len(t, rest, len(c.all)-1, name)
	}
}
