"""What a page may never do: ask another host, open a dialog, break its own policy, fail in a script."""

import asyncio

REPORT = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} by ${event.blockedURI} ${event.sample}`);
});
"""
EXPECTED = "Failed to load resource: the server responded with a status of 4"
"""What chromium says of a page that is not there, which tests ask for."""


class Watch:
    """Looks over all tabs of one browser profile and keeps what is wrong in ``troubles``."""

    def __init__(self, address):
        self.address = address
        self.troubles = []

    async def over(self, context):
        """Begin to look."""
        await context.add_init_script(REPORT)
        await context.route(lambda url: not url.startswith(f"{self.address}/"), self._refuse)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self._note(f"script failed: {error.error}"))
        context.on("dialog", self._dismiss)
        context.on("page", lambda page: page.on("websocket", lambda socket: self._note(f"asked {socket.url}")))

    def _note(self, what):
        self.troubles.append(what)

    async def _refuse(self, route):
        self._note(f"asked {route.request.url}")
        await route.abort()

    def _heard(self, message):
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
            self._note(f"{message.page.url if message.page else '?'} said: {message.text}")

    def _dismiss(self, dialog):
        self._note(f"dialog: {dialog.message}")
        self._closing = asyncio.ensure_future(dialog.dismiss())
