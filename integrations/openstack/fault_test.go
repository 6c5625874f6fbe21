package openstack

import (
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

func answered(method string, code int, body string, header ...string) error {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return gophercloud.ErrUnexpectedResponseCode{URL: "https://nova.example/v2.1/servers?token=SECRET-value", Method: method, Actual: code, Body: []byte(body), ResponseHeader: h}
}

// TestWordsTellTheKind is the table of what the services say where a status alone says too little. The texts are theirs.
func TestWordsTellTheKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code int
		body string
		want fault.Kind
	}{
		{403, `{"forbidden":{"code":403,"message":"Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"}}`, fault.Invalid},
		{403, `{"forbidden":{"code":403,"message":"Maximum number of metadata items exceeds 128"}}`, fault.Invalid},
		{403, `{"forbidden":{"code":403,"message":"Policy doesn't allow os_compute_api:servers:create to be performed."}}`, fault.Unauthorized},
		{409, `{"NeutronError":{"type":"OverQuota","message":"Quota exceeded for resources: ['security_group'].","detail":""}}`, fault.Invalid},
		{413, `{"overLimit":{"code":413,"message":"VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'.","retryAfter":"0"}}`, fault.Invalid},
		{413, `{"overLimit":{"code":413,"message":"This request was rate-limited."}}`, fault.Throttled},
		{429, `{"overLimit":{"code":429,"message":"This request was rate-limited."}}`, fault.Throttled},
		{400, `{"badRequest":{"code":400,"message":"Can not find requested image"}}`, fault.NotFound},
		{400, `{"badRequest":{"code":400,"message":"Flavor 7 could not be found."}}`, fault.NotFound},
		{400, `{"badRequest":{"code":400,"message":"Invalid key_name provided."}}`, fault.NotFound},
		{400, `{"badRequest":{"code":400,"message":"Invalid volume: volume 1 status must be available or downloading to reserve, but the current status is attaching."}}`, fault.Unavailable},
		{400, `{"badRequest":{"code":400,"message":"Flavor's disk is too small for requested image."}}`, fault.Invalid},
		{404, `{"itemNotFound":{"code":404,"message":"Instance 1 could not be found."}}`, fault.NotFound},
		{409, `{"conflictingRequest":{"code":409,"message":"Cannot 'stop' instance 1 while it is in task_state powering-off"}}`, fault.Unavailable},
		{409, `{"conflictingRequest":{"code":409,"message":"Cannot 'stop' instance 1 while it is in vm_state building"}}`, fault.Unavailable},
		{409, `{"conflictingRequest":{"code":409,"message":"Cannot 'stop' instance 1 while it is in vm_state stopped"}}`, fault.Conflict},
		{409, `{"conflictingRequest":{"code":409,"message":"Port 1 is still in use."}}`, fault.Unavailable},
		{409, `{"NeutronError":{"type":"SecurityGroupInUse","message":"Security Group 1 in use.","detail":""}}`, fault.Unavailable},
		{409, `{"NeutronError":{"type":"IpAddressInUse","message":"Unable to complete operation for network 1. The IP address 10.0.0.1 is in use.","detail":""}}`, fault.Conflict},
		{409, `{"NeutronError":{"type":"IpAddressGenerationFailure","message":"No more IP addresses available on network 1.","detail":""}}`, fault.Invalid},
		{401, `{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}`, fault.Unauthorized},
		{503, `<html>busy</html>`, fault.Unavailable},
		{500, `{"computeFault":{"code":500,"message":"Unexpected API Error."}}`, fault.Ambiguous},
		{502, ``, fault.Ambiguous},
	} {
		err := translate(answered(http.MethodPost, c.code, c.body), "making it")
		require.Equal(t, c.want, fault.KindOf(err), "%d %s: %v", c.code, c.body, err)
		require.ErrorContains(t, err, "making it: nova.example answers")
		require.NotContains(t, err.Error(), "SECRET")
	}
	require.Equal(t, fault.Unavailable, fault.KindOf(translate(answered(http.MethodGet, 500, ""), "reading it")), "a read changes nothing")
	require.NoError(t, translate(nil, "x"))
}

func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	for _, code := range []int{413, 429} {
		var told *fault.Error
		err := translate(answered(http.MethodPost, code, `{"overLimit":{"message":"This request was rate-limited."}}`, "Retry-After", "12"), "making it")
		require.ErrorAs(t, err, &told)
		require.Equal(t, 12*time.Second, told.After)
	}
}

// TestALoginThatFailsSaysWhy: the request itself was refused for want of a token, so nothing was changed.
func TestALoginThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	err := translate(&gophercloud.ErrUnableToReauthenticate{
		ErrOriginal: answered(http.MethodPost, 401, ""), ErrReauth: fault.New(fault.Unavailable, "keystone is away"),
	}, "making it")
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorContains(t, err, "keystone is away")
}
