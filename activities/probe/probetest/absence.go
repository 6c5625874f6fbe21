package probetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

func absenceCases() map[string]func(*testing.T, Way) {
	return map[string]func(*testing.T, Way){
		"nobody answers at a closed port": nobodyThere,
	}
}

// absenceRefusals are all ways to be wrong about absence. After a decommission, silence is taken as proof.
func absenceRefusals() map[string]func(*testing.T, Way) {
	return map[string]func(*testing.T, Way){
		"present: a good answer":       func(t *testing.T, way Way) { present(t, way, serve(t, way).URL+"/healthz", "200") },
		"present: an error":            func(t *testing.T, way Way) { present(t, way, serve(t, way).URL+"/broken", "502") },
		"present: a page that is gone": func(t *testing.T, way Way) { present(t, way, serve(t, way).URL+"/missing", "404") },
		"present: a redirect":          func(t *testing.T, way Way) { present(t, way, serve(t, way).URL+"/loop", "answers") },
		"present: half an answer":      func(t *testing.T, way Way) { present(t, way, serve(t, way).URL+"/half", "answers") },
		"present: another protocol":    func(t *testing.T, way Way) { present(t, way, "http://"+say(t, way, "SSH-2.0-x\r\n")+"/", "answers") },
		"present: https in place of it": func(t *testing.T, way Way) {
			present(t, way, "https://"+say(t, way, "HTTP/1.1 400\r\n")+"/", "answers")
		},
		"present: it takes connections": silentAndPresent,
		"absent: an ended context":      absentInVain,
		"absent: the way is gone":       absentBehindNothing,
		"absent: a URL that is none":    absentNowhere,
	}
}

func nobodyThere(t *testing.T, way Way) {
	require.NoError(t, absent(t.Context(), way.Prober(t, nil, patience), "http://"+closed(t, way)+"/"))
}

func present(t *testing.T, way Way, url, text string) {
	t.Helper()
	kind(t, fault.Unavailable, absent(t.Context(), way.Prober(t, nil, patience), url), text)
}

func silentAndPresent(t *testing.T, way Way) {
	p := way.Prober(t, nil, reached)
	kind(t, fault.Unavailable, absent(t.Context(), p, "http://"+say(t, way, "")+"/"), "answers")
}

func absentInVain(t *testing.T, way Way) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, absent(ctx, way.Prober(t, nil, patience), "http://"+closed(t, way)+"/"), "nobody was asked")
}

func absentBehindNothing(t *testing.T, way Way) {
	if way.Break == nil {
		return
	}
	at, p := closed(t, way), way.Prober(t, nil, 5*time.Second)
	way.Break(t)
	kind(t, fault.Unavailable, absent(t.Context(), p, "http://"+at+"/"), "")
}

func absentNowhere(t *testing.T, way Way) {
	kind(t, fault.Invalid, absent(t.Context(), way.Prober(t, nil, patience), "http://"), "")
}
