"use strict";

const page = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: page,
  url: page.dataset.document,
  deepLinking: true,
  // The badge would send the document to a validator elsewhere.
  validatorUrl: null,
});
