"""A receiver that checks signatures with the library of Standard Webhooks, and knows a repeat by its id."""

import json

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from monitor.alerts._webhook_event import Event
from tests.alerts.hookserver import HookServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class FakeWebhook(HookServer):
    channel = "webhook"

    @property
    def settings(self):
        return {"webhook_url": f"{self.url}/alerts", "secret": SECRET}

    async def take(self, request):
        raw = await request.read()
        try:
            Webhook(SECRET).verify(raw, dict(request.headers))
        except WebhookVerificationError as error:
            return self.refuse(401, str(error))
        if request.content_type != "application/json":
            return self.refuse(415, "no JSON")
        Event.model_validate_json(raw)
        self.taken.append({"id": request.headers["Idempotency-Key"], "event": json.loads(raw)})
        return web.Response(status=204)

    def said(self, item):
        return json.dumps(item["event"], ensure_ascii=False)

    def live(self, item):
        return []  # it is data: who shows it escapes it

    def name_of(self, item):
        return item["id"]
