"""A real browser, driven as a person drives it: Chromium by way of its driver (W3C WebDriver).

The protocol is JSON over HTTP and two dozen words of it do, so that no client library is pulled in.
What WebDriver has no word for (dark mode, scripts switched off, the tree that screen readers are
given) is said in Chromium's own, the DevTools protocol, which its driver passes on.

`chromium` starts one, `window` is what is done with it, `elements` finds and uses the parts of a
page, `passkeys` is a passkey without a finger, `local_names` lets our own programs call the
addresses that Chromium knows by itself.
"""
